//! What a machine's Lua functions and its driver share: buffers, the bound of memory, and the way out of the script's stack.
//! Never: what a command is, or where its answer comes from.
//! All that may take long tells here how much it has done ([`weigh`]), Lua's own memory among it; so others have their turn, and a script ends when it is told to.

use crate::pattern::Way;
use crate::register::Registered;
use crate::stack::{State, desk, raise_table};
use corosensei::Yielder;
use mlua_sys as ffi;
use shared::resp::{ArgRange, Args, Protocol};
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;

/// Instructions between two looks at whether others wait: some ten microseconds where they are simple.
pub(crate) const INSTRUCTIONS: i32 = 2_000;
/// Work between two looks of what is not an instruction. One is about a byte that is looked at, or sixteen that are copied.
const WORK: usize = 32_768;
/// What a small step weighs, such as a value that is pushed.
const SMALL: usize = 8;
/// Work at once, in which nobody can look up, that is better done beside the node's thread.
const LARGE_WORK: usize = 256 * 1024;
/// A block of memory that is large: to fill it, to search it or to move a table of that size takes a good part of a millisecond.
const LARGE_BLOCK: usize = 1024 * 1024;
/// With so much more memory than it began with a script is large: Lua does some things with all of it at once.
pub(crate) const LARGE_GROWTH: usize = 4 * 1024 * 1024;
/// Room that a buffer keeps from one script to the next.
const KEPT_BYTES: usize = 256 * 1024;

/// Why a script is no longer at work, for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It wants a command carried out.
    Call,
    /// It wants to know whether its user may run a command: the answer is the integer 1 or 0.
    Check,
    /// It has been at work for a while.
    Pause,
    /// It is at work beside the thread ([`crate::beside`]), and has come to no end yet.
    Beside,
    /// It is over.
    Over,
}

/// Why a script's stack is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The driver is to know.
    For(Step),
    /// What comes may take long, and nobody can look up meanwhile.
    Large,
}

/// What a script that has stopped is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To go on.
    Go,
    /// To end, whatever it is in the midst of.
    Kill,
    /// There will be no other script.
    Leave,
}

/// How a job ended that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What Lua says, in its words.
    Said(Vec<u8>),
    /// It would take more memory than there is for it.
    Memory,
}

/// What is to be done on the script's stack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Text → function.
    Compile { text: *const [u8] },
    /// A function runs with the words of a request, which stay where they are for the first step.
    Run {
        function: i32,
        words: *const Args<'static>,
        first_key: usize,
        keys: usize,
        /// KEYS and ARGV are arguments, not globals.
        passes: bool,
    },
    /// A library's text runs, and says which functions it has.
    Load { text: *const [u8] },
    /// What nobody needs any more goes.
    Tidy,
}

/// Bytes that Lua has.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) used: Cell<usize>,
    pub(crate) bound: Cell<usize>,
    pub(crate) was_refused: Cell<bool>,
}

impl Memory {
    /// It was refused, or more than a fourth of it is taken.
    pub(crate) fn is_spent(&self) -> bool {
        self.was_refused.get() || self.used.get() > self.bound.get() / 4
    }
}

/// How cjson is to behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonSettings {
    pub(crate) sparse_convert: bool,
    pub(crate) sparse_ratio: i32,
    pub(crate) sparse_safe: i32,
    pub(crate) encode_depth: i32,
    pub(crate) decode_depth: i32,
    pub(crate) invalid_numbers: InvalidNumbers,
    pub(crate) decodes_invalid: bool,
    pub(crate) keeps_buffer: bool,
    pub(crate) digits: i32,
}

/// What cjson makes of numbers that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidNumbers {
    Refused,
    Written,
    Null,
}

impl JsonSettings {
    pub(crate) const USUAL: Self = Self {
        sparse_convert: false,
        sparse_ratio: 2,
        sparse_safe: 10,
        encode_depth: 1_000,
        decode_depth: 1_000,
        invalid_numbers: InvalidNumbers::Refused,
        decodes_invalid: true,
        keeps_buffer: true,
        digits: 14,
    };
}

/// The desk. Lua's functions reach it through the state, the driver through the machine; never both at once, for one of them stands still.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) memory: Memory,
    /// Lua's first thread, on which scripts run but for their coroutines.
    pub(crate) lua: State,
    /// Where the script's stack is left; null while there is none.
    pub(crate) way_out: *const Yielder<Signal, Left>,
    pub(crate) job: Job,
    /// How the job ended: a function's number, or nothing.
    pub(crate) made: i32,
    pub(crate) fault: Option<Fault>,
    /// What a command is asked for with, one word behind the other.
    pub(crate) words: Vec<u8>,
    pub(crate) ranges: Vec<ArgRange>,
    /// The reply to it.
    pub(crate) answer: Vec<u8>,
    /// The script's reply.
    pub(crate) out: Vec<u8>,
    /// It is an error that has been counted when the command said it.
    pub(crate) was_counted: bool,
    /// Of functions that build a string; in the midst of which no other runs.
    pub(crate) scratch: Vec<u8>,
    /// Of patterns, likewise.
    pub(crate) ways: Vec<Way>,
    /// Of the one who asked.
    pub(crate) protocol: Protocol,
    /// What commands answer in, as the script has chosen.
    pub(crate) answers_in: Protocol,
    /// What whoever ends a script says.
    pub(crate) kill_words: &'static [u8],
    pub(crate) is_killed: bool,
    pub(crate) name: Vec<u8>,
    pub(crate) random: u64,
    pub(crate) json: JsonSettings,
    pub(crate) registered: Vec<Registered>,
    /// A library is being read.
    pub(crate) is_loading: bool,
    /// Values that stay: numbers in Lua's registry.
    pub(crate) kept: Kept,
    /// Work since somebody looked up.
    work: usize,
    /// Lua runs on the script's stack, which may be left when memory is asked for.
    pub(crate) may_leave: bool,
    /// It is large, and goes on beside the thread if that can be.
    pub(crate) is_large: bool,
    /// Bytes that Lua had when the job began.
    pub(crate) bytes_before: usize,
}

/// Numbers of values in Lua's registry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) runner: i32,
    pub(crate) handler: i32,
    pub(crate) globals: i32,
    pub(crate) load_api: i32,
    pub(crate) run_api: i32,
}

impl Desk {
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            memory: Memory {
                used: Cell::new(0),
                bound: Cell::new(bound),
                was_refused: Cell::new(false),
            },
            lua: null_mut(),
            way_out: std::ptr::null(),
            job: Job::Tidy,
            made: 0,
            fault: None,
            words: Vec::new(),
            ranges: Vec::new(),
            answer: Vec::new(),
            out: Vec::new(),
            was_counted: false,
            scratch: Vec::new(),
            ways: Vec::new(),
            protocol: Protocol::Resp2,
            answers_in: Protocol::Resp2,
            kill_words: b"",
            is_killed: false,
            name: Vec::new(),
            random: crate::base::seed(0),
            json: JsonSettings::USUAL,
            registered: Vec::new(),
            is_loading: false,
            kept: Kept::default(),
            work: 0,
            may_leave: false,
            is_large: false,
            bytes_before: 0,
        }
    }

    /// Room that one script needed and another will not.
    pub(crate) fn shrink(&mut self) {
        for buffer in [
            &mut self.words,
            &mut self.answer,
            &mut self.out,
            &mut self.scratch,
        ] {
            if buffer.capacity() > KEPT_BYTES {
                *buffer = Vec::new();
            }
        }
        if self.ranges.capacity() > KEPT_BYTES / 8 {
            self.ranges = Vec::new();
        }
        if self.ways.capacity() > KEPT_BYTES / 64 {
            self.ways = Vec::new();
        }
    }
}

/// Stops here until the driver wants it to go on. Raises when it wants it to end.
#[inline]
pub(crate) unsafe fn stop(state: State, step: Step) {
    let desk = desk(state);
    if (*desk).way_out.is_null() {
        return;
    }
    if !(*desk).is_killed && (*(*desk).way_out).suspend(Left::For(step)) == Signal::Go {
        return;
    }
    (*desk).is_killed = true;
    end(state);
}

/// Raises the error that no `pcall` holds up: it comes again with the next instruction.
pub(crate) unsafe fn end(state: State) -> ! {
    look_up_at_once(state);
    // A function may have filled the stack with what it gives back; nobody takes that any more.
    if ffi::lua_checkstack(state, ERROR_SLOTS) == 0 {
        ffi::lua_settop(state, 0);
    }
    raise_table(state, (*desk(state)).kill_words)
}

/// The next instruction comes after a look.
unsafe fn look_up_at_once(state: State) {
    let mask = ffi::LUA_MASKCOUNT | ffi::LUA_MASKLINE;
    ffi::lua_sethook(state, Some(look_up), mask, 1);
}

/// Values on Lua's stack while an error is made.
const ERROR_SLOTS: i32 = 4;

/// A small step of long work; now and then others are let go on. May raise.
#[inline]
pub(crate) unsafe fn breathe(state: State) {
    weigh(state, SMALL);
}

/// So much has been done; now and then others are let go on. May raise.
#[inline]
pub(crate) unsafe fn weigh(state: State, work: usize) {
    let desk = desk(state);
    (*desk).work = (*desk).work.saturating_add(work);
    if (*desk).work >= WORK {
        (*desk).work = 0;
        stop(state, Step::Pause);
    }
}

/// So much is about to be done, in which nobody can look up. May raise.
pub(crate) unsafe fn weigh_ahead(state: State, work: usize) {
    if work < LARGE_WORK {
        return weigh(state, work);
    }
    let desk = desk(state);
    stop(state, Step::Pause);
    if !(*desk).is_large && !(*desk).way_out.is_null() {
        leave_for_large(desk);
        if (*desk).is_killed {
            end(state);
        }
    }
}

/// What comes is done beside the thread if that can be.
unsafe fn leave_for_large(desk: *mut Desk) {
    (*desk).is_large = true;
    if (*(*desk).way_out).suspend(Left::Large) != Signal::Go {
        (*desk).is_killed = true;
        look_up_at_once((*desk).lua);
    }
}

/// Memory that Lua has got. Nothing can be raised in the midst of that: who is to end does so with the next look.
#[inline]
unsafe fn weigh_memory(desk: *mut Desk, more: usize) {
    let used = (*desk).memory.used.get();
    let is_large = more >= LARGE_BLOCK || used.saturating_sub((*desk).bytes_before) > LARGE_GROWTH;
    if is_large && !(*desk).is_large && !(*desk).is_killed {
        leave_for_large(desk);
    }
    (*desk).work += more / 16 + 1;
    if (*desk).work >= WORK && !(*desk).is_killed {
        (*desk).work = 0;
        if (*(*desk).way_out).suspend(Left::For(Step::Pause)) != Signal::Go {
            (*desk).is_killed = true;
            look_up_at_once((*desk).lua);
        }
    }
}

/// Raises that there is no memory when so much more, which is not Lua's yet, would be beyond its bound.
pub(crate) unsafe fn refuse_memory(state: State, bytes: usize) {
    let memory = &raw const (*desk(state)).memory;
    let bound = (*memory).bound.get();
    if bytes > bound.saturating_sub((*memory).used.get()) {
        // Lua itself raises it, for a block beyond the bound.
        ffi::lua_newuserdata(state, bound + 1);
    }
}

/// Lua's hook: so many instructions have gone by.
pub(crate) unsafe extern "C-unwind" fn look_up(state: State, _: *mut ffi::lua_Debug) {
    if (*desk(state)).is_killed {
        end(state);
    }
    stop(state, Step::Pause);
}

/// Lua's memory.
pub(crate) unsafe extern "C" fn allocate(
    desk: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
) -> *mut c_void {
    const ALIGN: usize = 16;
    let memory = &raw const (*desk.cast::<Desk>()).memory;
    let used = (*memory).used.get();
    // SAFETY of the layouts: Lua says how long its blocks are, and asks for less than it has bound for.
    if new == 0 {
        if !block.is_null() && old > 0 {
            (*memory).used.set(used - old);
            dealloc(block.cast(), Layout::from_size_align_unchecked(old, ALIGN));
        }
        return null_mut();
    }
    let old = if block.is_null() { 0 } else { old };
    let after = (used - old).saturating_add(new);
    if new > old && after > (*memory).bound.get() {
        (*memory).was_refused.set(true);
        return null_mut();
    }
    if new > old && (*desk.cast::<Desk>()).may_leave {
        weigh_memory(desk.cast(), new - old);
    }
    let moved = if old == 0 {
        alloc(Layout::from_size_align_unchecked(new, ALIGN))
    } else {
        let layout = Layout::from_size_align_unchecked(old, ALIGN);
        realloc(block.cast(), layout, new)
    };
    if !moved.is_null() {
        (*memory).used.set(after);
    }
    moved.cast()
}

/// Where the row of random numbers stands.
#[inline]
pub(crate) unsafe fn desk_random<'a>(desk: *mut Desk) -> &'a mut u64 {
    &mut (*desk).random
}

/// The buffer of functions that build a string.
#[inline]
pub(crate) unsafe fn desk_scratch<'a>(desk: *mut Desk) -> &'a mut Vec<u8> {
    &mut (*desk).scratch
}

/// The ways that a pattern has still to try.
#[inline]
pub(crate) unsafe fn desk_ways<'a>(desk: *mut Desk) -> &'a mut Vec<Way> {
    &mut (*desk).ways
}
