//! The files of the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result};

use super::ignore::Ignored;

/// A text file. Its path is relative to the root, with `/` between the parts.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// The lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// The text files of the repository, and the paths of all its files and folders.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads everything under `root` that git would not ignore.
    ///
    /// # Errors
    /// When a file or folder cannot be read.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let patterns = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut tree = Self::default();
        tree.read_folder(root, "", &Ignored::parse(&patterns))?;
        Ok(tree)
    }

    /// Whether there is a file or folder at this path; the root is the empty path.
    pub(super) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    fn read_folder(&mut self, folder: &Path, above: &str, ignored: &Ignored) -> Result<()> {
        let context = || format!("expected to read the folder {}", folder.display());
        for entry in fs::read_dir(folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let path = join(above, &entry.file_name().to_string_lossy());
            let kind = entry.file_type().with_context(context)?;
            if ignored.matches(&path) || kind.is_dir() && is_foreign(&entry.path()) {
                continue;
            }
            if kind.is_dir() {
                self.read_folder(&entry.path(), &path, ignored)?;
            } else if kind.is_file() {
                let bytes = fs::read(entry.path())
                    .with_context(|| format!("expected to read the file {path}"))?;
                self.add(path.clone(), bytes);
            }
            self.paths.insert(path);
        }
        Ok(())
    }

    /// Adds a file, whose text is kept when it is text.
    fn add(&mut self, path: String, bytes: Vec<u8>) {
        if !bytes.contains(&0)
            && let Ok(text) = String::from_utf8(bytes)
        {
            self.files.push(File { path, text });
        }
    }

    /// A tree of these files, given as path and text.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let parts: Vec<_> = path.split('/').collect();
            tree.paths
                .extend((1..=parts.len()).map(|count| parts[..count].join("/")));
            tree.add((*path).to_owned(), text.as_bytes().to_vec());
        }
        tree
    }
}

/// The path of `name`, which may have several parts, seen from the folder `above`.
///
/// Returns a path that starts with `..` when it leads out of the root.
pub(super) fn join(above: &str, name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in Path::new(above).join(name).components() {
        match part {
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            Component::CurDir => {}
            part => parts.push(part.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

/// Whether a folder is git's own, or one that a build tool has marked as its own.
fn is_foreign(folder: &Path) -> bool {
    folder.ends_with(".git") || folder.join("CACHEDIR.TAG").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_itself_is_read() {
        let tree = Tree::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(tree.has("src/tidy"));
        assert!(tree.has("src/tidy/tree.rs"));
        assert!(!tree.has("src/tidy/leaf.rs"));
        let own = tree
            .files
            .iter()
            .find(|file| file.path == "src/tidy/tree.rs")
            .unwrap();
        assert_eq!(
            own.lines().next(),
            Some((1, "//! The files of the repository."))
        );
    }

    #[test]
    fn what_is_no_text_is_not_checked() {
        let tree = Tree::of(&[("image.png", "\0 \n")]);
        assert!(tree.files.is_empty());
        assert!(tree.has("image.png"));
    }

    #[test]
    fn paths_are_joined_without_dots() {
        assert_eq!(join("docs/adr", "../guide.md"), "docs/guide.md");
        assert_eq!(join("docs", "./a/b.md"), "docs/a/b.md");
        assert_eq!(join("docs", ".."), "");
        assert_eq!(join("docs", "../../out.md"), "../out.md");
    }
}
