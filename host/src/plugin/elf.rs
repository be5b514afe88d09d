//! Whether bytes are a driver library that can be mapped without harm.
//!
//! `dlopen` maps what the program headers promise. Where a file was cut short, by a copy under way or a full disk, the
//! first touch of a missing page ends the process with SIGBUS. So nothing is opened before every promise has been held
//! against the length of the file. This guards against accidents, not against malice: code in a library runs.

use std::io::{Read, Seek};

use baton_plugin_api::abi::BuildInfo;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{Endianness, ReadCache, ReadRef};

use super::info;
use super::row::Rejection;

type Header = FileHeader64<Endianness>;

/// The static through which abi_stable finds the root module.
const ROOT_SYMBOL: &str = abi_stable::library::ROOT_MODULE_LOADER_NAME;
/// The part of it that every version of abi_stable begins with.
const ROOT_SIZE_MIN: u64 = size_of::<abi_stable::library::AbiHeader>() as u64;
const INFO_SIZE: u64 = BuildInfo::SIZE as u64;

/// A driver library that holds together.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// How it was built.
    pub(super) info: BuildInfo,
    /// Libraries it needs, by name.
    pub(super) needed: Vec<String>,
    /// Where it looks for them, as written in the file: `$ORIGIN/lib`, …
    pub(super) run_paths: Vec<String>,
}

/// Checks a whole file.
pub(super) fn check(bytes: &[u8]) -> Result<Image, Rejection> {
    let (header, endian) = header(bytes)?;
    check_segments(header, endian, bytes)?;
    let sections = check_sections(header, endian, bytes)?;
    let dynamic = Dynamic::read(&sections, endian, bytes)?;
    if dynamic.executable {
        return Err(Rejection::not_a_driver("an executable, not a shared library"));
    }
    let info = exported(&sections, endian, bytes, info::SYMBOL)?;
    let root = exported(&sections, endian, bytes, ROOT_SYMBOL)?;
    let (Some(info), Some(root)) = (info, root) else {
        let reason = format!(
            "a shared library, but not a Baton driver: it does not export {}",
            info::SYMBOL
        );
        return Err(Rejection::not_a_driver(reason));
    };
    if info.st_size(endian) != INFO_SIZE || root.st_size(endian) < ROOT_SIZE_MIN {
        return Err(damaged("an exported table has the wrong size"));
    }
    let content = address_range(header, endian, bytes, info.st_value(endian), INFO_SIZE)?;
    Ok(Image {
        info: info::parse(content)?,
        needed: dynamic.needed,
        run_paths: dynamic.run_paths,
    })
}

/// Whether a file exports what a driver exports; reads its symbol table alone.
pub(super) fn exports_driver(file: impl Read + Seek) -> bool {
    let cache = ReadCache::new(file);
    let found = || -> Result<bool, object::Error> {
        let header = Header::parse(&cache)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, &cache)?;
        Ok(symbol(&sections, endian, &cache, ROOT_SYMBOL)?.is_some()
            && symbol(&sections, endian, &cache, info::SYMBOL)?.is_some())
    };
    found().unwrap_or(false)
}

/// The file header, of a shared library for this machine.
fn header(bytes: &[u8]) -> Result<(&Header, Endianness), Rejection> {
    if bytes.len() < size_of::<Header>() {
        let reason = format!("cut off: {} bytes, where the file header alone has 64", bytes.len());
        return Err(Rejection::refused(reason));
    }
    // Class and byte order lie at the same place in every kind of ELF file.
    let (class, order) = (bytes[4], bytes[5]);
    if class != elf::ELFCLASS64.0 || order != elf::ELFDATA2LSB.0 {
        return Err(Rejection::refused(
            "built for another machine: not a 64-bit little-endian library",
        ));
    }
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    match header.e_type(endian) {
        elf::ET_DYN => {}
        elf::ET_EXEC => return Err(Rejection::not_a_driver("an executable, not a shared library")),
        elf::ET_REL => return Err(Rejection::not_a_driver("an object file, not a shared library")),
        elf::ET_CORE => return Err(Rejection::not_a_driver("a core dump, not a shared library")),
        other => return Err(damaged(format!("ELF type {}", other.0))),
    }
    let machine = header.e_machine(endian);
    if machine != MACHINE {
        let (theirs, ours) = (machine_name(machine), machine_name(MACHINE));
        let reason = format!("built for {theirs}, this host runs on {ours}: build the driver for {ours}");
        return Err(Rejection::refused(reason));
    }
    Ok((header, endian))
}

/// Every part that will be mapped lies in the file.
fn check_segments(header: &Header, endian: Endianness, bytes: &[u8]) -> Result<(), Rejection> {
    let segments = header.program_headers(endian, bytes).map_err(cut_off)?;
    let mut loaded = 0;
    for segment in segments {
        let (offset, size) = segment.file_range(endian);
        if offset.checked_add(size).is_none_or(|end| end > bytes.len() as u64) {
            return Err(too_short(offset.saturating_add(size), bytes.len()));
        }
        if segment.p_type(endian) == elf::PT_LOAD {
            loaded += 1;
            if size > segment.p_memsz(endian) {
                return Err(damaged("a segment is larger in the file than in memory"));
            }
        }
    }
    if loaded == 0 {
        return Err(damaged("nothing in it can be loaded"));
    }
    Ok(())
}

/// The section headers and what they describe lie in the file. They come last in it, so this notices any cut.
fn check_sections<'a>(
    header: &Header,
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<SectionTable<'a, Header>, Rejection> {
    let table = u64::from(header.e_shnum(endian)) * size_of::<elf::SectionHeader64<Endianness>>() as u64;
    let end = header.e_shoff(endian).saturating_add(table);
    if end > bytes.len() as u64 {
        return Err(too_short(end, bytes.len()));
    }
    let sections = header.sections(endian, bytes).map_err(cut_off)?;
    if sections.is_empty() {
        return Err(damaged("it has no section headers"));
    }
    for section in sections.iter() {
        let Some((offset, size)) = section.file_range(endian) else {
            continue;
        };
        if offset.checked_add(size).is_none_or(|end| end > bytes.len() as u64) {
            return Err(too_short(offset.saturating_add(size), bytes.len()));
        }
    }
    Ok(sections)
}

/// What the dynamic section tells.
struct Dynamic {
    executable: bool,
    needed: Vec<String>,
    run_paths: Vec<String>,
}

impl Dynamic {
    fn read(sections: &SectionTable<'_, Header>, endian: Endianness, bytes: &[u8]) -> Result<Self, Rejection> {
        let table = sections.dynamic_table(endian, bytes).map_err(damaged)?;
        let mut dynamic = Self {
            executable: false,
            needed: Vec::new(),
            run_paths: Vec::new(),
        };
        for entry in &table {
            let text = || -> Result<String, Rejection> {
                let text = table.string(entry).map_err(damaged)?;
                Ok(String::from_utf8_lossy(text).into_owned())
            };
            match entry.tag {
                elf::DT_NEEDED => dynamic.needed.push(text()?),
                elf::DT_RUNPATH | elf::DT_RPATH => dynamic.run_paths.extend(text()?.split(':').map(str::to_owned)),
                elf::DT_FLAGS_1 => dynamic.executable = entry.val & elf::DF_1_PIE.0 != 0,
                _ => {}
            }
        }
        Ok(dynamic)
    }
}

/// An exported symbol of a file that has been checked.
fn exported<'a>(
    sections: &SectionTable<'a, Header>,
    endian: Endianness,
    bytes: &'a [u8],
    name: &str,
) -> Result<Option<&'a elf::Sym64<Endianness>>, Rejection> {
    symbol(sections, endian, bytes, name).map_err(damaged)
}

/// A defined symbol that others may use.
fn symbol<'a, R: ReadRef<'a>>(
    sections: &SectionTable<'a, Header, R>,
    endian: Endianness,
    data: R,
    name: &str,
) -> object::Result<Option<&'a elf::Sym64<Endianness>>> {
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM)?;
    for symbol in symbols.iter() {
        let usable = !symbol.is_undefined(endian)
            && !symbol.is_local()
            && matches!(symbol.st_visibility(), elf::STV_DEFAULT | elf::STV_PROTECTED);
        if usable && symbols.symbol_name(endian, symbol)? == name.as_bytes() {
            return Ok(Some(symbol));
        }
    }
    Ok(None)
}

/// The bytes that will lie at `address` once the library is mapped.
fn address_range<'a>(
    header: &Header,
    endian: Endianness,
    bytes: &'a [u8],
    address: u64,
    size: u64,
) -> Result<&'a [u8], Rejection> {
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    let mut loaded = segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    loaded
        .find_map(|segment| segment.data_range(endian, bytes, address, size).ok().flatten())
        .ok_or_else(|| damaged("an exported table lies outside of the file"))
}

fn damaged(what: impl std::fmt::Display) -> Rejection {
    Rejection::refused(format!("a damaged library: {what}"))
}

fn cut_off(error: object::Error) -> Rejection {
    Rejection::refused(format!("cut off or damaged ({error}); it may still be on its way here"))
}

fn too_short(needed: u64, found: usize) -> Rejection {
    Rejection::refused(format!(
        "cut off: its headers speak of {needed} bytes, the file has {found}; it may still be on its way here"
    ))
}

#[cfg(target_arch = "x86_64")]
const MACHINE: elf::Machine = elf::EM_X86_64;
#[cfg(target_arch = "aarch64")]
const MACHINE: elf::Machine = elf::EM_AARCH64;
#[cfg(target_arch = "riscv64")]
const MACHINE: elf::Machine = elf::EM_RISCV;

fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "aarch64".to_owned(),
        elf::EM_RISCV => "riscv64".to_owned(),
        elf::EM_PPC64 => "powerpc64".to_owned(),
        elf::EM_LOONGARCH => "loongarch64".to_owned(),
        other => format!("ELF machine {}", other.0),
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
