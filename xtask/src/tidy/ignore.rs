//! What git ignores, as far as this repository's `.gitignore` goes: a path from the root
//! (`/target`), or a name with at most a few `*` in it (`*.db`).

/// The patterns of a `.gitignore`.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    paths: Vec<String>,
    names: Vec<String>,
}

impl Ignored {
    pub(super) fn parse(text: &str) -> Self {
        let mut ignored = Self::default();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
        {
            let line = line.trim_end_matches('/');
            match line.strip_prefix('/') {
                Some(path) => ignored.paths.push(path.to_owned()),
                None if line.is_empty() => {}
                None => ignored.names.push(line.to_owned()),
            }
        }
        ignored
    }

    /// Whether the file or folder at a path is ignored; folders above it are not looked at.
    pub(super) fn matches(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.paths.iter().any(|pattern| pattern == path)
            || self.names.iter().any(|pattern| glob(pattern, name))
    }
}

/// Whether `name` has the form of `pattern`, in which each `*` stands for any characters.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.into_iter().any(|at| glob(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_count_from_the_root_and_names_anywhere() {
        let ignored = Ignored::parse("# built\n/target\n\n*.db\n*.db-*\n.idea/\n");
        for path in [
            "target",
            "shop.db",
            "examples/shop.db",
            "shop.db-wal",
            "crates/.idea",
        ] {
            assert!(ignored.matches(path), "{path}");
        }
        for path in ["crates/target", "db", "shop.dbx", "src/db.rs", "# built"] {
            assert!(!ignored.matches(path), "{path}");
        }
    }
}
