//! Settings as a complete, commented TOML file. Pure.
//! Invariant: what is rendered loads back to the same settings, but for passwords, which are left out.

use super::document::quoted;
use super::settings::{Setting, Settings, environment_prefix};

/// Width at which comments are broken.
const WIDTH: usize = 120;

/// Every setting of `settings` with its text, its range and its value.
#[must_use]
pub fn render<C: Settings>(settings: &C) -> String {
    let section = C::SECTION;
    let mut text = comment(&format!(
        "Every setting of a {section}. What is left out keeps its default, which is what stands here unless changed. An environment \
         variable {}NAME (dashes become underscores) beats this file, and a flag --name beats both.",
        environment_prefix(section)
    ));
    text.push_str(&format!("\n[{section}]\n"));
    let mut group = "";
    for setting in C::table() {
        if setting.group != group {
            group = setting.group;
            text.push_str(&format!("\n# ---- {group} ----\n"));
        }
        let value = settings.get(setting.name).unwrap_or_default();
        text.push('\n');
        text.push_str(&comment(&describe(setting)));
        text.push_str(&assignment(setting, &value));
    }
    text
}

/// What a setting does, and its range.
#[must_use]
pub fn describe(setting: &Setting) -> String {
    match setting.range {
        Some((low, high)) => format!("{} Range: {low} to {high}.", setting.doc),
        None => setting.doc.to_owned(),
    }
}

fn assignment(setting: &Setting, value: &str) -> String {
    let name = setting.name;
    if setting.secret && !value.is_empty() {
        return format!("# {name} = (hidden)\n");
    }
    if setting.quoted {
        format!("{name} = {}\n", quoted(value))
    } else {
        format!("{name} = {value}\n")
    }
}

/// `text` in lines that begin with `# `.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count() + 1;
        if width == 0 || width + length > WIDTH {
            lines.push_str(if width == 0 { "#" } else { "\n#" });
            width = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        width += length;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{ByteCount, NodeConfig, ProxyConfig, Secret, resolve};
    use super::*;
    use std::path::Path;

    fn loads_back<C: Settings + PartialEq + std::fmt::Debug>(settings: &C) {
        let text = render(settings);
        let loaded: C = resolve(Some((Path::new("x.toml"), &text)), &[], &[]).unwrap();
        assert_eq!(&loaded, settings);
    }

    #[test]
    fn what_is_rendered_loads_back() {
        loads_back(&NodeConfig::default());
        loads_back(&ProxyConfig::default());
        loads_back(&NodeConfig {
            maxmemory: ByteCount(1_000_000),
            slowlog_log_slower_than: None,
            protected_mode: false,
            ..NodeConfig::default()
        });
        loads_back(&ProxyConfig {
            topology: std::path::PathBuf::from("odd \"name\"\\\u{1}.toml").into(),
            ..ProxyConfig::default()
        });
    }

    #[test]
    fn passwords_are_left_out() {
        let text = render(&NodeConfig {
            requirepass: Secret::new("open sesame"),
            ..NodeConfig::default()
        });
        assert!(!text.contains("sesame"));
        assert!(text.contains("\n# requirepass = (hidden)\n"), "{text}");
    }

    /// The files that users copy are made from the settings; `switchyard node --print-config > config/node.toml` makes them anew.
    #[test]
    fn the_files_in_config_are_complete_and_current() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(read("node.toml"), render(&NodeConfig::default()));
        assert_eq!(read("proxy.toml"), render(&ProxyConfig::default()));
    }

    #[test]
    fn every_default_lies_in_its_range_and_every_text_is_a_sentence() {
        fn check<C: Settings>() {
            let mut settings = C::default();
            for setting in C::table() {
                let value = settings.get(setting.name).unwrap();
                settings.set(setting.name, &value).unwrap();
                for bound in setting.range.into_iter().flat_map(<[&str; 2]>::from) {
                    settings.set(setting.name, bound).unwrap();
                }
                assert!(setting.doc.ends_with('.'), "{}", setting.name);
            }
            assert_eq!(C::default().conflicts(), []);
        }
        check::<NodeConfig>();
        check::<ProxyConfig>();
    }
}
