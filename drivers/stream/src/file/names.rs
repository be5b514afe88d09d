//! Names of what an instrument file describes (RULES.md D5).

use super::reader::Reader;

impl Reader<'_> {
    /// Tells which names cannot be, or appear twice.
    pub(super) fn all_names(&mut self) {
        self.names();
        for table in ["settings", "unsolicited"] {
            for name in self.keys(&[table]) {
                self.shape(table, name);
            }
        }
    }
}
