//! A dashboard as plain data: what is drawn, not how Grafana encodes it.

/// A dashboard.
pub(super) struct Board {
    /// The name of its file, without ending.
    pub(super) file: &'static str,
    /// Its address in Grafana, which users bookmark: never changed.
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Which of the variables `netns` and `link` it shows. The others are hidden, and still carried along by its links.
    pub(super) shown: &'static [&'static str],
    pub(super) items: Vec<Item>,
}

impl Board {
    /// Returns the panels, without the headings.
    #[cfg(test)]
    pub(super) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.items.iter().filter_map(|item| match item {
            Item::Panel(panel) => Some(panel),
            Item::Row(..) => None,
        })
    }
}

/// A heading or a panel. Panels follow one another from left to right; one that does not fit begins a line.
pub(super) enum Item {
    /// Its id, and the heading.
    Row(u32, &'static str),
    Panel(Panel),
}

#[cfg(test)]
impl Item {
    /// Returns the id, which links and users' bookmarks refer to.
    pub(super) fn id(&self) -> u32 {
        match self {
            Self::Row(id, _) => *id,
            Self::Panel(panel) => panel.id,
        }
    }
}

/// How a panel draws its queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The latest value, large.
    Stat(Judgement),
    Lines,
    /// The buckets of a histogram over time.
    HeatMap,
    /// The latest values of a query, one line a series, the largest first.
    Table,
}

/// How a large value is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not at all.
    Neutral,
    /// One is "yes" and good, zero is "no" and bad.
    YesIsGood,
    /// Zero is good, anything else is bad.
    ZeroIsGood,
    /// The labels of the series, not the value.
    Name,
}

/// A panel.
pub(super) struct Panel {
    /// Unique in its dashboard, and never given to another panel.
    pub(super) id: u32,
    pub(super) kind: Kind,
    pub(super) title: &'static str,
    pub(super) description: String,
    /// Grafana's name of the unit.
    pub(super) unit: &'static str,
    /// Of the 24 columns of a dashboard.
    pub(super) width: u32,
    /// In Grafana's rows.
    pub(super) height: u32,
    pub(super) targets: Vec<Target>,
    /// The dashboard that a click on a series leads to.
    pub(super) leads_to: Option<Drill>,
}

/// Where a click on a series leads, and which of its labels become variables there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drill {
    /// The text of the link.
    pub(super) title: &'static str,
    /// The other dashboard.
    pub(super) uid: &'static str,
    /// Variables, each with the label that it is set to.
    pub(super) variables: &'static [(&'static str, &'static str)],
}

/// A query of a panel.
pub(super) struct Target {
    /// PromQL.
    pub(super) expr: String,
    /// What a series is called.
    pub(super) legend: &'static str,
}

impl Panel {
    fn new(id: u32, kind: Kind, title: &'static str, unit: &'static str, [width, height]: [u32; 2]) -> Self {
        let (description, targets, leads_to) = (String::new(), Vec::new(), None);
        Self { id, kind, title, description, unit, width, height, targets, leads_to }
    }

    /// A curve for each series, half a dashboard wide.
    pub(super) fn lines(id: u32, title: &'static str, unit: &'static str) -> Self {
        Self::new(id, Kind::Lines, title, unit, [12, 8])
    }

    /// The distribution of a histogram over time.
    pub(super) fn heat_map(id: u32, title: &'static str) -> Self {
        Self::new(id, Kind::HeatMap, title, "s", [12, 8])
    }

    /// The latest values.
    pub(super) fn table(id: u32, title: &'static str, unit: &'static str) -> Self {
        Self::new(id, Kind::Table, title, unit, [8, 9])
    }

    /// One large value.
    pub(super) fn stat(id: u32, title: &'static str, unit: &'static str, judgement: Judgement) -> Self {
        Self::new(id, Kind::Stat(judgement), title, unit, [4, 4])
    }

    /// Sets the width, in columns of 24.
    pub(super) fn wide(self, width: u32) -> Self {
        Self { width, ..self }
    }

    /// Says what is drawn, and what a figure includes.
    pub(super) fn says(self, description: &str) -> Self {
        Self { description: description.to_owned(), ..self }
    }

    /// Says when the panel has no data although everything works. A test accepts no data from no other panel.
    pub(super) fn empty_unless(self, condition: &str) -> Self {
        let description = format!("{} Empty unless {condition}.", self.description);
        Self { description, ..self }
    }

    /// Adds a query.
    pub(super) fn draw(mut self, legend: &'static str, expr: impl Into<String>) -> Self {
        self.targets.push(Target { expr: expr.into(), legend });
        self
    }

    /// Leads to another dashboard.
    pub(super) fn leads_to(self, drill: Drill) -> Self {
        Self { leads_to: Some(drill), ..self }
    }

    /// As an item of a dashboard.
    pub(super) fn item(self) -> Item {
        Item::Panel(self)
    }
}
