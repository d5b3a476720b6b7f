// Commands for a link or a namespace, ready to be pasted into a shell. The page itself changes nothing.

const PLAIN = /^[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

function escaped(character) {
  const code = character.codePointAt(0);
  if (character === "'" || character === '\\') return `\\${character}`;
  return code < 32 || code === 127 ? `\\x${code.toString(16).padStart(2, '0')}` : character;
}

/** Quotes one word for a shell. A name from outside may hold anything, also a line feed. */
export function quote(word) {
  if (PLAIN.test(word)) return word;
  if (CONTROL.test(word)) return `$'${[...word].map(escaped).join('')}'`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Returns a command inside a namespace. */
function inside(namespace, command) {
  return namespace === 'root' ? command : `netmon exec ${quote(namespace)} -- ${command}`;
}

function address(end) {
  const [first] = end?.addresses ?? [];
  return first?.split('/')[0] ?? null;
}

/** Returns commands about a link: pairs of what it is for and the command. */
export function forLink(link) {
  const name = quote(link.name);
  const { a, b } = link;
  const commands = [];
  const target = address(b);
  if (target) {
    commands.push(['Send a ping across', inside(a.namespace, `ping -c 10 ${quote(target)}`)]);
    commands.push(['Take the way of one packet apart', `netmon trace ${quote(a.namespace)} ${quote(target)}`]);
  }
  commands.push(['Add 20 ms and lose 1 %', `netmon impair ${name} --delay 20ms --loss 1%`]);
  commands.push(['Limit the rate', `netmon impair ${name} --rate 10mbit`]);
  commands.push(['A good line again', `netmon impair ${name} --clear`]);
  for (const end of [a, b].filter(Boolean)) {
    commands.push([`Capture in ${end.namespace}`, inside(end.namespace, `tcpdump -n -i ${quote(end.interface)}`)]);
  }
  commands.push(['Connections', `netmon flows --link ${name}`]);
  return commands;
}

/** Returns commands about a namespace. */
export function forNamespace(namespace) {
  if (namespace === 'root') return [['Its sockets', 'ss -tunap']];
  const name = quote(namespace);
  return [
    ['A shell inside', `netmon exec ${name} -- bash`],
    ['Its interfaces and routes', `netmon exec ${name} -- ip -br addr`],
    ['Its sockets', `netmon exec ${name} -- ss -tunap`],
  ];
}
