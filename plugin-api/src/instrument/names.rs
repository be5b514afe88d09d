//! Names of parameters and commands (RULES.md D5).

use super::Reader;
use crate::{RESERVED, is_name};

impl Reader<'_> {
    /// Tells which names of `parameters` and `commands` cannot be, or appear twice; and if there are none at all.
    pub fn names(&mut self) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for table in ["parameters", "commands"] {
            for name in self.keys(&[table]) {
                self.name(table, name);
                let twin = seen.iter().find(|(_, other)| other.eq_ignore_ascii_case(name)).copied();
                if let Some((twin_table, twin)) = twin {
                    let error = self.key_error(
                        &[table, name],
                        format!("`{name}` is the name of something else already"),
                    );
                    let first = self.key_place(&[twin_table, twin]);
                    let help = "parameters and commands share their names, and case does not count";
                    self.push(error.related(first, "here").help(help));
                }
                seen.push((table, name));
            }
        }
        if seen.is_empty() {
            let error = self.error(&[], "the instrument has neither parameters nor commands");
            self.push(error.help("describe one under `[parameters.NAME]`"));
        }
    }

    fn name(&mut self, table: &str, name: &str) {
        self.shape(table, name);
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            let error = self.key_error(&[table, name], format!("`{name}` is a name that the host needs itself"));
            self.push(error.help(match name.to_ascii_lowercase().as_str() {
                "stop" => "what stops the instrument is described under `[stop]`",
                "status" => "how the status is read is described under `[status]`",
                _ => "name it after what it is: `temperature`, `setpoint`, `position`",
            }));
        }
    }

    /// Tells whether a key of a table cannot be a name, because of its characters.
    pub fn shape(&mut self, table: &str, name: &str) {
        if !is_name(name) {
            let error = self.key_error(&[table, name], format!("`{name}` cannot be a name"));
            let fixed: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            let rule = "letters, digits and `_`, not a digit first, at most 63";
            self.push(match is_name(&fixed) {
                true => error.help(format!("a name is {rule}: `{fixed}`, say")),
                false => error.help(format!("a name is {rule}")),
            });
        }
    }
}
