//! The options of an address, and suggestions for what nobody knows.

/// What stands behind the question mark.
pub(super) struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        let mut options: Vec<(&str, &str)> = Vec::new();
        for option in text.split('&').filter(|option| !option.is_empty()) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(format!(
                    "has an option `{option}` without a value; write `baud=9600`, say"
                ));
            };
            if options.iter().any(|(other, _)| *other == name) {
                return Err(format!("says `{name}` twice"));
            }
            options.push((name, value));
        }
        Ok(Options(options))
    }

    pub(super) fn none(&self, what: &str) -> Result<(), String> {
        match self.0.first() {
            Some((name, _)) => Err(format!("has an option `{name}`; {what} has none")),
            None => Ok(()),
        }
    }

    pub(super) fn known(&self, known: &[&str]) -> Result<(), String> {
        let Some((name, _)) = self.0.iter().find(|(name, _)| !known.contains(name)) else {
            return Ok(());
        };
        let help = match close(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(known, "")),
        };
        Err(format!("has an option `{name}` that is not known; {help}"))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub(super) fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(format!(
                "has `{name}={value}`; `{name}` is a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    pub(super) fn one_of<T: Copy>(&self, name: &str, values: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let found = values.iter().find(|(text, _)| *text == value);
        found.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
            let names: Vec<&str> = values.iter().map(|(text, _)| *text).collect();
            let help = match close(value, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`{name}` is one of {}", listed(&names, "")),
            };
            format!("has `{name}={value}`; {help}")
        })
    }
}

/// What was probably meant.
pub(super) fn close<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&written.to_lowercase(), name);
    let near = known.iter().copied().min_by_key(|name| distance(name))?;
    let is_beginning = written.len() >= 2 && (near.starts_with(written) || written.starts_with(near));
    (distance(near) <= near.len().max(3) / 3 || is_beginning).then_some(near)
}

pub(super) fn listed(names: &[&str], suffix: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}{suffix}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
