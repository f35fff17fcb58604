//! Command lines as the official programs have them: `--name=value`, `--name value`, one dash or two, a bare `--name`
//! for true.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The flags of one command line.
pub struct Flags {
    values: HashMap<&'static str, String>,
}

impl Flags {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// A word is no flag, or a flag is not among the `known` ones.
    pub fn parse(
        known: &[&'static str],
        words: impl IntoIterator<Item = String>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut values = HashMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
            let flag = flag.ok_or_else(|| format!("{word:?} is no flag"))?;
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let name = known
                .iter()
                .find(|known| **known == name)
                .ok_or_else(|| format!("there is no flag --{name}; there are: --{}", known.join(", --")))?;
            let value = match value {
                Some(value) => value,
                None => words.next_if(|next| !next.starts_with('-')).unwrap_or_else(|| "true".to_owned()),
            };
            values.insert(*name, value);
        }
        Ok(Self { values })
    }

    /// The value of a flag, if it was given and is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A number, or another thing that is read from text.
    ///
    /// # Errors
    /// The value cannot be read as one.
    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, Box<dyn Error>> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name} cannot be {text:?}").into()),
        }
    }

    /// A flag that is on or off; off unless it was given.
    ///
    /// # Errors
    /// The value is neither `true` nor `false`.
    pub fn on(&self, name: &str) -> Result<bool, Box<dyn Error>> {
        self.number(name, false)
    }

    /// The content of the file that a flag names.
    ///
    /// # Errors
    /// The flag is missing, or the file cannot be read.
    pub fn file(&self, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let path = self.text(name).map(PathBuf::from).ok_or_else(|| format!("--{name} is needed"))?;
        read(&path)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests;
