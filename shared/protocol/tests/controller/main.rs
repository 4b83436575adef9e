//! Detectors, opinions and controllers of several proxies, nodes with logs, and a store, in simulated time: messages are late, lost, doubled and cut off in one
//! direction; nodes stop, start with all, some or nothing of their disks, and stand still; proxies die at every step; the store goes away. What decides is the
//! code of the crate; the world here only moves messages and logs, and everything in it depends on the seed alone.
//!
//! [`chaos`] whatever happens, nothing acknowledged is lost, and all is well again soon after. [`scenes`] what must happen, or must not, in single cases.
//! [`speed`] how soon. [`broken`] with one rule broken something is found: if not, the checks see nothing.

mod broken;
mod chaos;
mod checks;
mod dice;
mod node;
mod proxy;
mod scenes;
mod setup;
mod speed;
mod trouble;
mod world;
