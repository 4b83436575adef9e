//! The file of users on disk: read whole, replaced whole.
//! Decides nothing: what a file makes of whom `access` says. Waits for the disk; servers call it beside their threads.

use std::error::Error as _;
use std::io;
use std::path::Path;

use crate::access::{ChannelsByDefault, Users};
use crate::config::{FileError, Secret, read_file, replace_file};

/// The users in the file at `path`. The default user, where the file does not name it, has this `password`; an empty one asks for none.
///
/// # Errors
/// All that is wrong with it, in the words of Redis.
pub fn read_users(
    path: &Path,
    password: &Secret,
    channels: ChannelsByDefault,
) -> Result<Users, String> {
    let text = read_text(path)?;
    Users::of_file(&path.display().to_string(), &text, password, channels)
}

/// What the file at `path` holds.
///
/// # Errors
/// Why it cannot be read, in the words of Redis.
pub fn read_text(path: &Path) -> Result<String, String> {
    read_file(path).map_err(|error| {
        format!(
            "Error loading ACLs, opening file '{}': {}",
            path.display(),
            reason(&error)
        )
    })
}

/// Puts these users in the place of whatever the file at `path` holds.
///
/// # Errors
/// Why it cannot be written; the old content is still there then.
pub fn write_users(path: &Path, users: &Users) -> Result<(), String> {
    write_text(path, &written(users)?)
}

/// The same with users that are a text already.
///
/// # Errors
/// Why it cannot be written; the old content is still there then.
pub fn write_text(path: &Path, text: &str) -> Result<(), String> {
    replace_file(path, text).map_err(|error| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

/// These users as a text.
///
/// # Errors
/// It would be none.
pub fn written(users: &Users) -> Result<String, String> {
    String::from_utf8(users.describe())
        .map_err(|_| "a name or a pattern is no UTF-8 text, which users are written as".to_owned())
}

/// As the system has it, where it has it.
fn reason(error: &FileError) -> String {
    match error {
        FileError::Missing(_) => "No such file or directory".to_owned(),
        FileError::Unreadable { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            "Permission denied".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users.acl");
        let read = || read_users(&path, &Secret::default(), ChannelsByDefault::None);
        let missing = read().expect_err("there is none");
        assert!(
            missing.starts_with("Error loading ACLs, opening file '"),
            "{missing}"
        );
        assert!(
            missing.ends_with("': No such file or directory"),
            "{missing}"
        );
        let mut users = Users::new(&Secret::new("pw"));
        let rules = ["on", ">x", "+get", "~a*"];
        let set = users.set(
            b"u",
            rules.iter().map(|rule| rule.as_bytes()),
            ChannelsByDefault::None,
        );
        assert!(set.is_ok());
        write_users(&path, &users).expect("written");
        let back = read().expect("read");
        assert_eq!(back.describe(), users.describe());
        assert!(back.differences(&users).is_empty());
        // Half of it: the last line breaks off in the middle of a hash.
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, &text[..text.find("#").expect("a hash") + 20]).expect("written");
        let torn = read().expect_err("torn");
        assert!(
            torn.contains("users.acl:1: The password hash must be exactly 64"),
            "{torn}"
        );
    }
}
