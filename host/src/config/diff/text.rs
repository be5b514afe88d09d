//! Differences for people.

use std::fmt;

use super::{Change, Difference, Fate, Part, Way, What};

impl fmt::Display for Difference {
    /// A line for each part, `+` new, `-` gone, `~` changed, and below it one for each change. Nothing if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.host {
            writeln!(f, "~ {change}")?;
        }
        self.parts.iter().try_for_each(|part| write!(f, "{part}"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Part {
            name,
            what,
            fate,
            origin,
        } = self;
        match fate {
            Fate::Added => writeln!(f, "+ {what} {name}   {origin}"),
            Fate::Removed => writeln!(f, "- {what} {name}   {origin}"),
            Fate::Changed { changes, retyped } => {
                let retyped = if *retyped { "   is described anew" } else { "" };
                writeln!(f, "~ {what} {name}{retyped}")?;
                changes.iter().try_for_each(|change| writeln!(f, "    {change}"))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.key)?;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{old} → {new}")?,
            (None, Some(new)) => write!(f, "→ {new}")?,
            (Some(old), None) => write!(f, "{old} → nothing")?,
            (None, None) => {}
        }
        write!(f, "   {}", self.way)?;
        match &self.origin {
            Some(origin) => write!(f, "   {origin}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::AtOnce => "at once",
            Way::WhenFree => "when it is free",
            Way::Reopen => "opens it again",
            Way::Restart => "needs a restart of the host",
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Controller => "controller",
            What::Device => "device",
        })
    }
}
