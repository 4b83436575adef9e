//! What the applications are made with, and their scripts: who is installed, and the command that runs one.
//! Touches: the folder of the packages, into which it puts the scripts as they are now.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The scripts beside the packages that they need.
pub(super) struct Scripts {
    folder: PathBuf,
}

/// The scripts, if what this one needs is installed; says so when it is not.
pub(super) fn scripts_for(script: &str) -> Option<Scripts> {
    let named = env::var_os("SWITCHYARD_APPLICATIONS").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/applications"));
    let (is_there, who) = match extension(Path::new(script)) {
        "rb" => (
            says_yes(&["ruby", "-e", "require 'sidekiq'"]) && says_yes(&["sidekiq", "--version"]),
            "Sidekiq is not installed; as root on Debian 12, apt-get install ruby-sidekiq",
        ),
        "php" => (
            says_yes(&["php", "-r", "exit(class_exists('Redis') ? 0 : 1);"]),
            "phpredis is not installed; as root on Debian 12, apt-get install php-cli php-redis",
        ),
        _ => (
            folder.join("python/bin/python").exists() && folder.join("node_modules").exists(),
            "the applications' packages are not installed; tests/applications/install.sh does that, with python3 and npm",
        ),
    };
    if !is_there {
        eprintln!("SKIPPED: {who}");
        return None;
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications");
    for below in ["", "promotion", "rolling"] {
        put(&scripts.join(below), &folder.join(below));
    }
    Some(Scripts { folder })
}

impl Scripts {
    /// The command that runs a script at an address.
    pub(super) fn command(&self, script: &str, address: &str) -> Command {
        let program = match extension(Path::new(script)) {
            "py" => self.folder.join("python/bin/python"),
            "rb" => PathBuf::from("ruby"),
            "php" => PathBuf::from("php"),
            _ => PathBuf::from("node"),
        };
        let mut command = Command::new("timeout");
        command
            .arg("120")
            .arg(program)
            .arg(self.folder.join(script))
            .arg(address)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }
}

fn extension(path: &Path) -> &str {
    let extension = path.extension();
    extension
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
}

fn says_yes(words: &[&str]) -> bool {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output();
    output.is_ok_and(|output| output.status.success())
}

/// Puts scripts where a module is looked for: beside the packages.
fn put(scripts: &Path, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder for scripts");
    for entry in fs::read_dir(scripts).expect("the scripts").flatten() {
        let path = entry.path();
        if ["py", "mjs", "rb", "php"].contains(&extension(&path)) {
            let file = path.file_name().expect("a file");
            let (from, to) = (fs::read(&path).expect("a script"), folder.join(file));
            if fs::read(&to).ok() != Some(from) {
                // Tests run beside each other: whoever reads it sees all of it.
                let own = folder.join(format!("{}.{}", file.to_string_lossy(), std::process::id()));
                fs::copy(&path, &own).expect("copied");
                fs::rename(&own, &to).expect("in its place");
            }
        }
    }
}
