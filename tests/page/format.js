const f = await load('format');
equal([0, 999, 1000, 12345, 999499, 999500, 50100000, 1200000000].map(f.duration),
  ['0 ns', '999 ns', '1.00 µs', '12.3 µs', '999 µs', '1.00 ms', '50.1 ms', '1.20 s'], 'durations as in the terminal');
equal([64, 1960, 10485760].map(f.bytes), ['64 B', '1.96 kB', '10.5 MB'], 'bytes');
equal([0, 999, 1000, 1234567].map(f.count), ['0', '999', '1,000', '1,234,567'], 'counts');
equal([0, 0.25, 12.34, 48211.7].map(f.perSecond), ['0', '0.25', '12.3', '48,212'], 'rates');
equal([0, 64000, 9.61e6].map(f.bitsPerSecond), ['0 bit/s', '64.0 kbit/s', '9.61 Mbit/s'], 'bits');
equal([0, 0.00001, 0.0025, 0.1, 1].map(f.share), ['0 %', '<0.01 %', '0.25 %', '10 %', '100 %'], 'shares');
equal([f.duration(null), f.count(null), f.bitsPerSecond(undefined)], ['–', '–', '–'], 'what is absent is never 0');
equal(f.durations(51200, 93000), '51.2 / 93.0 µs', 'two durations share a unit');
equal(f.durations(900, 1500), '0.90 / 1.50 µs', 'the unit of the longer one');
equal([f.plural(1, 'link'), f.plural(2, 'link')], ['1 link', '2 links'], 'plurals');
