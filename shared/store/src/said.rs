//! A problem that lasts is said once, and again when it is another. Pure.

use std::error::Error;

use crate::error::in_one_line;

/// What was said last, if it is not over.
#[derive(Debug, Default)]
pub(crate) struct Said(Option<String>);

impl Said {
    /// The error in words, unless they are those that were said.
    pub(crate) fn news(&mut self, error: &dyn Error) -> Option<&str> {
        let words = in_one_line(error);
        if self.0.as_ref() == Some(&words) {
            return None;
        }
        Some(self.0.insert(words))
    }

    /// All is well. Whether something was said to be wrong.
    pub(crate) fn over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EtcdError;

    #[test]
    fn the_same_problem_is_said_once_until_it_is_over() {
        let mut said = Said::default();
        assert!(!said.over());
        assert!(said.news(&EtcdError::LeaseEnded).is_some());
        assert_eq!(said.news(&EtcdError::LeaseEnded), None);
        assert!(said.news(&EtcdError::NoEndpoint).is_some());
        assert!(said.over());
        assert!(said.news(&EtcdError::NoEndpoint).is_some());
    }
}
