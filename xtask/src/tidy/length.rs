//! How long files and functions may be: short enough to be read in one go.

use super::Finding;
use super::mask::code_only;
use super::tree::File;

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

/// The folders of code.
const FOLDERS: [&str; 4] = ["crates/", "examples/", "xtask/", "benchmarks/"];

/// Finds a file that is too long.
pub(super) fn file(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if !is_code(file) || lines <= MAX_FILE_LINES {
        return Vec::new();
    }
    let message = format!(
        "expected a file of at most {MAX_FILE_LINES} lines, found {lines}; split it by what its \
         parts are responsible for"
    );
    vec![Finding::new(file, MAX_FILE_LINES + 1, message)]
}

/// Finds functions that are too long, from the line of their `fn` to that of their last brace.
pub(super) fn functions(file: &File) -> Vec<Finding> {
    if !is_code(file) {
        return Vec::new();
    }
    let code = code_only(&file.text);
    let mut findings = Vec::new();
    for (line, start) in starts(&code) {
        let Some(end) = body_end(&code, start) else {
            continue;
        };
        let lines = 1 + code[start..end]
            .iter()
            .filter(|char| **char == '\n')
            .count();
        if lines > MAX_FUNCTION_LINES {
            let name = name(&code[start..]);
            let message = format!(
                "expected functions of at most {MAX_FUNCTION_LINES} lines, found {lines} in \
                 `{name}`"
            );
            findings.push(Finding::new(file, line, message));
        }
    }
    findings
}

fn is_code(file: &File) -> bool {
    file.is_rust() && FOLDERS.iter().any(|folder| file.path.starts_with(folder))
}

/// The line and the place after `fn ` of every function.
fn starts(code: &[char]) -> Vec<(usize, usize)> {
    let mut line = 1;
    let mut starts = Vec::new();
    for at in 0..code.len() {
        let after_word = at > 0 && (code[at - 1].is_alphanumeric() || code[at - 1] == '_');
        if !after_word && code[at..].starts_with(&['f', 'n', ' ']) {
            starts.push((line, at + 3));
        }
        line += usize::from(code[at] == '\n');
    }
    starts
}

/// Where the body of the function ends whose name starts at `start`; none when it has no body.
fn body_end(code: &[char], start: usize) -> Option<usize> {
    let open = body_start(code, start)?;
    let mut depth = 0_usize;
    for (at, char) in code.iter().enumerate().skip(open) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// The first brace that is in no parenthesis and is no constant of a type, as in `Array<{ N }>`.
fn body_start(code: &[char], start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let mut before = ' ';
    for (at, char) in code.iter().enumerate().skip(start) {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 && !matches!(before, '<' | '=') => return Some(at),
            _ => {}
        }
        if !char.is_whitespace() {
            before = *char;
        }
    }
    None
}

fn name(code: &[char]) -> String {
    code.iter()
        .take_while(|char| !matches!(char, '(' | '<' | ' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: String) -> Vec<Finding> {
        let file = File {
            path: path.to_owned(),
            text,
        };
        [super::file(&file), functions(&file)].concat()
    }

    /// A function of so many lines.
    fn function(lines: usize) -> String {
        format!(
            "    pub(crate) async fn long<T>(\n{}    }}\n",
            "        work();\n".repeat(lines - 2)
        )
        .replacen("work();", "t: T) {", 1)
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        let path = "crates/core/src/lib.rs";
        assert_eq!(found(path, "//\n".repeat(MAX_FILE_LINES)), []);
        let findings = found(path, "//\n".repeat(MAX_FILE_LINES + 1));
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].to_string().contains("lib.rs:501: "),
            "{findings:?}"
        );
        assert_eq!(found("docs/long.md", "\n".repeat(MAX_FILE_LINES + 1)), []);
    }

    #[test]
    fn a_function_that_is_too_long_is_found() {
        let path = "xtask/src/main.rs";
        assert_eq!(found(path, function(MAX_FUNCTION_LINES)), []);
        let findings = found(
            path,
            format!("\nimpl X {{\n{}}}\n", function(MAX_FUNCTION_LINES + 1)),
        );
        assert_eq!(findings.len(), 1);
        let told = findings[0].to_string();
        assert!(told.starts_with("xtask/src/main.rs:3: "), "{told}");
        assert!(told.ends_with("found 71 in `long`"), "{told}");
    }

    #[test]
    fn braces_in_strings_and_types_close_no_function() {
        let body = "    a('}', \"}\"); // }\n".repeat(MAX_FUNCTION_LINES);
        for head in [
            "fn a() {",
            "fn a(b: [u8; 2]) -> B<{ N }> {",
            "fn a()\nwhere\n    B: C,\n{",
        ] {
            assert_eq!(
                found("xtask/a.rs", format!("{head}\n{body}}}\n")).len(),
                1,
                "{head}"
            );
        }
    }

    #[test]
    fn what_has_no_body_is_no_function() {
        let rest = "    b();\n".repeat(MAX_FUNCTION_LINES);
        for head in [
            "trait T {\nfn a(b: [u8; 2]) -> B;\n}",
            "type A = fn(u8) -> u8;",
            "// fn a()",
        ] {
            let text = format!("{head}\nconst X: () = {{\n{rest}}};\n");
            assert_eq!(found("xtask/a.rs", text), [], "{head}");
        }
    }
}
