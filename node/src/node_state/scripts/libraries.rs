//! Libraries of functions, by name.
//! Pure. Invariant: no two functions have one name; a machine that was given up is made again from the texts.

use super::{Waiting, split_line};
use lua::{Fault, Function, Kind, Machine, Registered, Step, is_name};
use shared::resp::{Protocol, ScriptError};
use std::collections::{BTreeMap, HashMap};

/// So often a library that is new is let go on while it is read, some ten microseconds at a time.
const MOST_STEPS: usize = 400;
/// The same of one that was read before, here or where it comes from, maybe on a faster machine: it may not be lost for that, nor hold up a start for ever.
const MOST_STEPS_AGAIN: usize = 1_000_000;
/// For so many steps counts a wait for one that is read beside the thread, some hundred microseconds.
const STEPS_BESIDE: usize = 16;
/// What a library costs beside its text, bytes.
const LIBRARY_BYTES: usize = 512;

/// A text that has registered functions.
#[derive(Clone, Debug)]
pub struct Library {
    /// As it was sent.
    pub text: Box<[u8]>,
    /// What it has registered.
    pub functions: Vec<Registered>,
    /// Whether the machine that is there has these functions; one that was given up had them.
    is_made: bool,
}

/// All libraries.
#[derive(Debug, Default)]
pub struct Libraries {
    by_name: BTreeMap<Box<[u8]>, Library>,
    /// Function → library.
    owners: HashMap<Box<[u8]>, Box<[u8]>>,
    waiting: Waiting,
    /// The number of the machine that has their functions.
    of: u64,
    most_bytes: usize,
    text_bytes: usize,
}

impl Libraries {
    pub(super) fn set_bound(&mut self, most_bytes: usize) {
        self.most_bytes = most_bytes;
    }

    pub(super) fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Library)> {
        self.by_name
            .iter()
            .map(|(name, library)| (&**name, library))
    }

    /// How many functions there are.
    #[must_use]
    pub fn count_functions(&self) -> usize {
        self.owners.len()
    }

    /// Bytes that Lua has for functions.
    #[must_use]
    pub fn machine_bytes(&self) -> usize {
        self.waiting.used_bytes()
    }

    /// Bytes of texts, and what belongs to them.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// A function, and what it declares.
    ///
    /// # Errors
    /// There is none of this name, or no memory for it.
    pub fn find(&mut self, name: &[u8]) -> Result<(Function, u8), ScriptError> {
        if !self.owners.contains_key(name) {
            return Err(ScriptError::NoFunction);
        }
        let owner = self.owners[name].clone();
        self.make_again(&owner)?;
        let functions = &self.by_name[&owner].functions;
        let found = functions.iter().find(|one| *one.name == *name);
        let found = found.ok_or(ScriptError::NoFunction)?;
        Ok((found.function, found.flags))
    }

    /// Reads a text that is new, and keeps the library under the name that it says.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn load(&mut self, text: &[u8], replaces: bool) -> Result<Box<[u8]>, ScriptError> {
        self.load_within(text, replaces, MOST_STEPS)
    }

    /// The same of one that was read before: by this node, or by the one that it follows.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn load_again(&mut self, text: &[u8], replaces: bool) -> Result<Box<[u8]>, ScriptError> {
        self.load_within(text, replaces, MOST_STEPS_AGAIN)
    }

    fn load_within(
        &mut self,
        text: &[u8],
        replaces: bool,
        most_steps: usize,
    ) -> Result<Box<[u8]>, ScriptError> {
        let (name, body) = read_metadata(text)?;
        if !replaces && self.by_name.contains_key(&name) {
            return Err(ScriptError::LibraryExists(shown(&name)));
        }
        if self.text_bytes + text.len() + LIBRARY_BYTES > self.most_bytes {
            return Err(ScriptError::NoMemory);
        }
        self.look_at_machine()?;
        let functions = self.read(body, most_steps)?;
        if functions.is_empty() {
            return Err(ScriptError::NothingRegistered);
        }
        let taken = functions.iter().find(|one| {
            let owner = self.owners.get(&*one.name);
            owner.is_some_and(|owner| **owner != *name)
        });
        if let Some(taken) = taken {
            let error = ScriptError::FunctionExists(shown(&taken.name));
            self.forget(&functions);
            return Err(error);
        }
        self.remove(&name);
        for one in &functions {
            self.owners.insert(one.name.as_slice().into(), name.clone());
        }
        self.text_bytes += text.len() + LIBRARY_BYTES;
        let library = Library {
            text: text.into(),
            functions,
            is_made: true,
        };
        self.by_name.insert(name.clone(), library);
        Ok(name)
    }

    /// Forgets a library; whether it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.by_name.remove(name) else {
            return false;
        };
        self.text_bytes -= library.text.len() + LIBRARY_BYTES;
        for one in &library.functions {
            self.owners.remove(&*one.name);
        }
        if library.is_made {
            self.forget(&library.functions);
        }
        true
    }

    /// Forgets all of them.
    pub fn flush(&mut self) {
        self.by_name.clear();
        self.owners.clear();
        self.text_bytes = 0;
        self.waiting.flush();
    }

    /// The texts of all: what [`Self::restore_texts`] takes back.
    #[must_use]
    pub fn texts(&self) -> Vec<Box<[u8]>> {
        let texts = self.by_name.values().map(|library| library.text.clone());
        texts.collect()
    }

    /// These are the libraries from now on, but for those that are none; how many are.
    pub fn restore_texts(&mut self, texts: &[impl AsRef<[u8]>]) -> usize {
        self.flush();
        let loaded = texts
            .iter()
            .map(|text| self.load_again(text.as_ref(), true));
        loaded.filter(Result::is_ok).count()
    }

    fn forget(&mut self, functions: &[Registered]) {
        if self.of == self.waiting.number
            && let Some(machine) = &mut self.waiting.machine
        {
            functions
                .iter()
                .for_each(|one| machine.forget(one.function));
        }
    }

    /// Runs a library's text.
    fn read(&mut self, body: &[u8], most_steps: usize) -> Result<Vec<Registered>, ScriptError> {
        let machine = self.waiting.get(Kind::Libraries, self.most_bytes)?;
        let read = read_with(machine, body, most_steps);
        if read.is_err() && machine.was_refused_memory() {
            self.waiting.flush();
        }
        read
    }

    /// When there is another machine, no library has functions in it.
    fn look_at_machine(&mut self) -> Result<(), ScriptError> {
        self.waiting.get(Kind::Libraries, self.most_bytes)?;
        if self.of != self.waiting.number {
            self.of = self.waiting.number;
            for library in self.by_name.values_mut() {
                library.is_made = false;
            }
        }
        Ok(())
    }

    /// The functions of a library are made in the machine that is there, if it has not got them.
    fn make_again(&mut self, name: &[u8]) -> Result<(), ScriptError> {
        self.look_at_machine()?;
        let library = self.by_name.get(name);
        let Some(text) = library
            .filter(|one| !one.is_made)
            .map(|one| one.text.clone())
        else {
            return Ok(());
        };
        let (_, body) = read_metadata(&text)?;
        let functions = self.read(body, MOST_STEPS_AGAIN)?;
        if let Some(library) = self.by_name.get_mut(name) {
            library.functions = functions;
            library.is_made = true;
        }
        Ok(())
    }
}

fn read_with(
    machine: &mut Machine,
    body: &[u8],
    most_steps: usize,
) -> Result<Vec<Registered>, ScriptError> {
    let mut step = machine.load(body, Protocol::Resp2);
    let mut steps = 0;
    while step != Step::Over {
        steps += if step == Step::Beside {
            STEPS_BESIDE
        } else {
            1
        };
        step = match steps < most_steps {
            true => machine.go_on(),
            false => machine.kill(),
        };
    }
    machine.loaded().map_err(|fault| match fault {
        Fault::Said(words) => ScriptError::Said(shown(&words)),
        Fault::Memory => ScriptError::NoMemory,
    })
}

fn shown(text: &[u8]) -> Box<str> {
    String::from_utf8_lossy(text).into()
}

/// What a library's first line says it is called, and what is behind that; lines are counted as if it stood there.
fn read_metadata(text: &[u8]) -> Result<(Box<[u8]>, &[u8]), ScriptError> {
    if !text.starts_with(b"#!") {
        return Err(ScriptError::NoMetadata);
    }
    let end = text.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(ScriptError::Said("Invalid library metadata".into()))?;
    let words = split_line(&text[..end]);
    let words = words.ok_or(ScriptError::Said("Invalid library metadata".into()))?;
    let mut words = words.into_iter();
    let engine = words.next().unwrap_or_default();
    let mut name: Option<Vec<u8>> = None;
    for word in words {
        match word.split_at_checked(5) {
            Some((start, given)) if start.eq_ignore_ascii_case(b"name=") => {
                if name.is_some() {
                    return Err(ScriptError::TwoLibraryNames);
                }
                name = Some(given.to_vec());
            }
            _ => return Err(ScriptError::UnknownMetadata(shown(&word))),
        }
    }
    let name = name.ok_or(ScriptError::NoLibraryName)?;
    if !is_name(&name) {
        return Err(ScriptError::LibraryName);
    }
    if !engine[2..].eq_ignore_ascii_case(b"lua") {
        return Err(ScriptError::NoEngine(shown(&engine[2..])));
    }
    Ok((name.into(), &text[end..]))
}
