//! What can be read from a driver's file without running any of it.

/// How a library was built, from the symbol `BATON_DRIVER_INFO` of its file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BuildInfo {
    /// Version of `baton-plugin-api`.
    pub plugin_api: String,
    /// [`EPOCH`](super::EPOCH) of that version.
    pub epoch: u32,
    /// The compiler.
    pub rustc: String,
    /// `unwind` or `abort`.
    pub panic: String,
}

impl BuildInfo {
    /// Size of the symbol in bytes; the text is padded with zeros.
    pub const SIZE: usize = 256;

    /// What this build of `baton-plugin-api` puts into a driver.
    pub const TEXT: &str = concat!(
        "plugin-api=",
        env!("CARGO_PKG_VERSION"),
        "\nepoch=1\nrustc=",
        env!("BATON_RUSTC"),
        "\npanic=",
    );

    /// The symbol's content for a driver whose panic strategy is `panic`.
    #[doc(hidden)]
    pub const fn bytes(panic: &str) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        let (text, panic) = (Self::TEXT.as_bytes(), panic.as_bytes());
        let mut i = 0;
        while i < text.len() {
            bytes[i] = text[i];
            i += 1;
        }
        while i < text.len() + panic.len() {
            bytes[i] = panic[i - text.len()];
            i += 1;
        }
        bytes
    }

    /// Reads the symbol's content; lines that came later are ignored, missing ones stay empty.
    pub fn parse(bytes: &[u8]) -> Option<BuildInfo> {
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut info = BuildInfo::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "plugin-api" => info.plugin_api = value.to_owned(),
                "epoch" => info.epoch = value.parse().ok()?,
                "rustc" => info.rustc = value.to_owned(),
                "panic" => info.panic = value.to_owned(),
                _ => {}
            }
        }
        (info.epoch > 0).then_some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_carries_can_be_read_back() {
        let info = BuildInfo::parse(&BuildInfo::bytes("unwind")).unwrap();
        assert_eq!(info.plugin_api, env!("CARGO_PKG_VERSION"));
        assert_eq!(info.epoch, crate::abi::EPOCH);
        assert!(info.rustc.starts_with("rustc "), "{}", info.rustc);
        assert_eq!(info.panic, "unwind");
        assert_eq!(BuildInfo::parse(b"nonsense"), None);
    }
}
