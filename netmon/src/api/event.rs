//! The events of `/api/v1/stream`, as the server sends them and a client reads them.

use serde::{Deserialize, Serialize};

use super::{Topology, Window, sse::Message};

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The whole state but for numbers. It is the first event, and comes again when something about it has changed.
    Topology(Box<Topology>),
    /// A window of the past, if the history was requested: the oldest one first.
    History(Window),
    /// The last window, one a second.
    Rates(Window),
    /// The end of the stream.
    Bye(Bye),
}

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// `shutdown`: the agent ends.
    pub reason: String,
}

impl Event {
    /// Returns the name of the event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Topology(_) => "topology",
            Self::History(_) => "history",
            Self::Rates(_) => "rates",
            Self::Bye(_) => "bye",
        }
    }

    /// Returns the event as text/event-stream has it: its name, and one line of JSON.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let json = match self {
            Self::Topology(topology) => serde_json::to_string(topology),
            Self::History(window) | Self::Rates(window) => serde_json::to_string(window),
            Self::Bye(bye) => serde_json::to_string(bye),
        }?;
        Ok(format!("event: {}\ndata: {json}\n\n", self.name()))
    }

    /// Reads an event. Returns `None` for one that this version does not know.
    ///
    /// # Errors
    ///
    /// Fails if the data is not the JSON of such an event.
    pub(super) fn read(Message { event, data }: &Message) -> Result<Option<Self>, serde_json::Error> {
        Ok(Some(match event.as_str() {
            "topology" => Self::Topology(serde_json::from_str(data)?),
            "history" => Self::History(serde_json::from_str(data)?),
            "rates" => Self::Rates(serde_json::from_str(data)?),
            "bye" => Self::Bye(serde_json::from_str(data)?),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sse::Parser, *};

    fn read(text: &str) -> Option<Event> {
        let mut parser = Parser::default();
        parser.push(text.as_bytes()).unwrap();
        Event::read(&parser.next().unwrap()).unwrap()
    }

    #[test]
    fn events_read_back_as_they_were_written() {
        let window = Window { window_ms: 1000.5, links: vec![None], ..Window::default() };
        for event in [
            Event::Rates(Window { probes: Some(Vec::new()), ..window.clone() }),
            Event::History(window),
            Event::Bye(Bye { reason: "shutdown".to_owned() }),
        ] {
            let text = event.to_text().unwrap();
            assert!(text.starts_with(&format!("event: {}\ndata: {{", event.name())), "{text}");
            assert_eq!(text.lines().count(), 3, "{text}");
            assert_eq!(read(&text), Some(event));
        }
    }

    #[test]
    fn an_event_of_a_later_version_is_none() {
        assert_eq!(read("event: weather\ndata: sunny\n\n"), None);
    }
}
