//! Scripts that are kept, the machine that runs them, and what is under way.
//! Pure. Never: drives a machine that runs; that is `execute::script`. Invariant: a function belongs to the machine that made it; with a new machine it is made anew from its text.

mod libraries;

pub use libraries::{Libraries, Library};

use lua::{Fault, Flag, Function, Kind, Machine};
use shared::resp::ScriptError;
use std::collections::HashMap;

/// A script's SHA-1, in 40 lower-case digits.
pub type Digest = [u8; 40];

/// Longest text of a script or a library: Lua reads it in one go, which takes about five milliseconds then.
const MOST_TEXT_BYTES: usize = 256 * 1024;

/// Whether a text that a client sends is short enough.
///
/// # Errors
/// It is not.
pub fn check_len(text: &[u8]) -> Result<(), ScriptError> {
    match text.len() {
        0..=MOST_TEXT_BYTES => Ok(()),
        len => Err(ScriptError::LongText {
            len,
            most: MOST_TEXT_BYTES,
        }),
    }
}

/// What a script costs beside its text, bytes.
const SCRIPT_BYTES: usize = 160;

/// A script that was sent once.
#[derive(Debug)]
struct Script {
    text: Box<[u8]>,
    /// What it declares; `None` when it declares nothing.
    flags: Option<u8>,
    /// In the machine of this number.
    function: Option<(u64, Function)>,
}

/// What is to run next.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Script or function.
    pub kind: Kind,
    /// Which.
    pub function: Function,
    /// How its errors call it.
    pub name: Box<[u8]>,
    /// Where its keys begin.
    pub first_key: usize,
    /// How many there are.
    pub keys: usize,
    /// What it declares; `None` when it declares nothing.
    pub flags: Option<u8>,
    /// It was asked for by a command that only reads.
    pub only_reads: bool,
}

/// A script that has been put aside, so that others have their turns.
#[derive(Debug)]
pub struct UnderWay {
    /// Script or function.
    pub kind: Kind,
    /// How it is called.
    pub name: Box<[u8]>,
    /// The request.
    pub words: Vec<Vec<u8>>,
    /// For how long it has been running.
    pub took_ms: u64,
    /// It has changed something.
    pub has_written: bool,
    /// Somebody wants it to end.
    pub is_to_end: bool,
    /// It has been running for so long that others are told.
    pub is_busy: bool,
}

impl UnderWay {
    /// What others are told.
    #[must_use]
    pub fn busy(&self) -> ScriptError {
        match self.kind {
            Kind::Scripts => ScriptError::BusyScript,
            Kind::Libraries => ScriptError::BusyFunction,
        }
    }
}

/// A machine that waits, and its number: the next one is another.
#[derive(Debug, Default)]
struct Waiting {
    machine: Option<Machine>,
    number: u64,
}

impl Waiting {
    /// The machine, made if there is none.
    fn get(&mut self, kind: Kind, most_bytes: usize) -> Result<&mut Machine, ScriptError> {
        if self.machine.is_none() {
            let made = Machine::new(kind, most_bytes).ok_or(ScriptError::NoMemory)?;
            self.machine = Some(made);
            self.number += 1;
        }
        self.machine.as_mut().ok_or(ScriptError::NoMemory)
    }

    /// A machine that has done its work comes back, or goes: what is wrong with it nobody has to know.
    fn put_back(&mut self, mut machine: Machine) {
        if machine.is_spent() {
            machine.retire();
            self.number += 1;
        } else {
            machine.rest();
            self.machine = Some(machine);
        }
    }

    fn flush(&mut self) {
        if let Some(machine) = self.machine.take() {
            machine.retire();
        }
        self.number += 1;
    }

    fn used_bytes(&self) -> usize {
        self.machine.as_ref().map_or(0, Machine::used_bytes)
    }
}

/// All scripts and functions of a node.
#[derive(Debug, Default)]
pub struct Scripts {
    kept: HashMap<Digest, Script>,
    kept_bytes: usize,
    evaluator: Waiting,
    /// Functions by library.
    pub libraries: Libraries,
    /// What the handler has found to be run.
    pub planned: Option<Planned>,
    /// What has been put aside.
    pub under_way: Option<UnderWay>,
    /// `lua-memory-limit`
    most_bytes: usize,
}

impl Scripts {
    /// The bound of memory that the next machine gets.
    pub fn set_bound(&mut self, most_bytes: usize) {
        self.most_bytes = most_bytes;
        self.libraries.set_bound(most_bytes);
    }

    /// Keeps a script, and says whether it is one.
    ///
    /// # Errors
    /// What is wrong with it; it is not kept then.
    pub fn keep(&mut self, digest: &Digest, text: &[u8]) -> Result<(), ScriptError> {
        if self.kept.contains_key(digest) {
            return Ok(());
        }
        let (flags, _) = read_shebang(text)?;
        let bytes = text.len() + SCRIPT_BYTES;
        if self.kept_bytes + bytes > self.most_bytes {
            return Err(ScriptError::TooManyScripts);
        }
        let mut script = Script {
            text: text.into(),
            flags,
            function: None,
        };
        self.evaluator.compile(&mut script, self.most_bytes)?;
        self.kept_bytes += bytes;
        self.kept.insert(*digest, script);
        Ok(())
    }

    /// The function of a script that is kept, and what it declares.
    ///
    /// # Errors
    /// There is no such script, or no memory for it.
    pub fn find(&mut self, digest: &Digest) -> Result<(Function, Option<u8>), ScriptError> {
        let script = self.kept.get_mut(digest).ok_or(ScriptError::NoScript)?;
        let function = self.evaluator.compile(script, self.most_bytes)?;
        Ok((function, script.flags))
    }

    /// Whether a script is kept.
    #[must_use]
    pub fn is_kept(&self, digest: &Digest) -> bool {
        self.kept.contains_key(digest)
    }

    /// Forgets all scripts.
    pub fn flush(&mut self) {
        self.kept = HashMap::new();
        self.kept_bytes = 0;
        self.evaluator.flush();
    }

    /// The machine for what was planned.
    ///
    /// # Panics
    /// When it is not there: what was found belongs to one.
    pub fn take_machine(&mut self, kind: Kind) -> Machine {
        let waiting = match kind {
            Kind::Scripts => &mut self.evaluator,
            Kind::Libraries => self.libraries.waiting(),
        };
        let machine = waiting.machine.take();
        machine.expect("a function was found in it")
    }

    /// A machine has done its work.
    pub fn put_back(&mut self, kind: Kind, machine: Machine) {
        match kind {
            Kind::Scripts => self.evaluator.put_back(machine),
            Kind::Libraries => self.libraries.waiting().put_back(machine),
        }
    }

    /// How many scripts are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of their texts, and what belongs to them.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Bytes that Lua has for scripts.
    #[must_use]
    pub fn evaluator_bytes(&self) -> usize {
        self.evaluator.used_bytes()
    }

    /// A script has been running for so long that others are told.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.under_way
            .as_ref()
            .is_some_and(|under_way| under_way.is_busy)
    }
}

impl Waiting {
    fn compile(&mut self, script: &mut Script, most_bytes: usize) -> Result<Function, ScriptError> {
        let number = self.number;
        if let Some((of, function)) = script.function
            && of == number
            && self.machine.is_some()
        {
            return Ok(function);
        }
        let machine = self.get(Kind::Scripts, most_bytes)?;
        let (_, body) = read_shebang(&script.text)?;
        let function = machine.compile(body).map_err(|fault| match fault {
            Fault::Said(words) => ScriptError::Compiling(String::from_utf8_lossy(&words).into()),
            Fault::Memory => ScriptError::NoMemory,
        });
        if function.is_err() && machine.was_refused_memory() {
            self.flush();
        }
        let function = function?;
        script.function = Some((self.number, function));
        Ok(function)
    }
}

/// What a script declares in its first line, and what is behind that; lines are counted as if it stood there.
fn read_shebang(text: &[u8]) -> Result<(Option<u8>, &[u8]), ScriptError> {
    if !text.starts_with(b"#!") {
        return Ok((None, text));
    }
    let end = text.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(ScriptError::Shebang)?;
    let words = split_line(&text[..end]).ok_or(ScriptError::ShebangEngine)?;
    let shown = |word: &[u8]| String::from_utf8_lossy(word).into();
    let mut words = words.into_iter();
    let engine = words.next().ok_or(ScriptError::ShebangEngine)?;
    if engine != b"#!lua" {
        return Err(ScriptError::UnknownEngine(shown(&engine)));
    }
    let mut flags = 0;
    for word in words {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(ScriptError::UnknownShebangOption(shown(&word)));
        };
        for flag in list
            .split(|byte| *byte == b',')
            .filter(|flag| !flag.is_empty())
        {
            flags |= Flag::of(flag).ok_or_else(|| ScriptError::UnknownFlag(shown(flag)))?;
        }
    }
    Ok((Some(flags), &text[end..]))
}

/// The words of a line, some in quotes; `None` when a quote does not end.
fn split_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some((first, behind)) = rest.split_first() else {
            return Some(words);
        };
        let mut word = Vec::new();
        if matches!(first, b'"' | b'\'') {
            let end = behind.iter().position(|byte| byte == first)?;
            word.extend_from_slice(&behind[..end]);
            rest = &behind[end + 1..];
            if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return None;
            }
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace);
            let end = end.unwrap_or(rest.len());
            if rest[..end].contains(&b'"') || rest[..end].contains(&b'\'') {
                return None;
            }
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
    }
}
