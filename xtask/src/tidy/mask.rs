//! Rust code without what is not code.
//!
//! A brace in a string or a comment closes nothing, so whoever counts braces has to know which
//! parts of a file are strings and comments.

/// The characters of `text`, with those of comments, strings and character literals made blank.
///
/// Line ends stay, so that positions and line numbers are those of `text`.
pub(super) fn code_only(text: &str) -> Vec<char> {
    let mut chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let end = not_code(&chars, at);
        for char in &mut chars[at..end] {
            if *char != '\n' {
                *char = ' ';
            }
        }
        at = end.max(at + 1);
    }
    chars
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none does.
fn not_code(chars: &[char], at: usize) -> usize {
    let in_word = at > 0 && is_word(chars[at - 1]);
    let end = match (chars[at], chars.get(at + 1)) {
        ('/', Some('/')) => Some(find(chars, at, |char| char == '\n')),
        ('/', Some('*')) => Some(block_comment(chars, at)),
        ('"', _) => Some(quoted(chars, at + 1, '"')),
        ('\'', _) => character(chars, at),
        ('r' | 'b' | 'c', _) if !in_word => raw_string(chars, at),
        _ => None,
    };
    end.unwrap_or(at)
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The first place from `from` on whose character fits, or the end.
fn find(chars: &[char], from: usize, fits: impl Fn(char) -> bool) -> usize {
    (from..chars.len())
        .find(|&at| fits(chars[at]))
        .unwrap_or(chars.len())
}

/// The end of a comment in `/* */`, which may hold others.
fn block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The end of a literal with escapes, whose text starts at `from`.
fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            char if char == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of a character literal; none for a lifetime.
fn character(chars: &[char], at: usize) -> Option<usize> {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) | (Some(_), Some('\'')) => Some(quoted(chars, at + 1, '\'')),
        _ => None,
    }
}

/// The end of a string such as `r"…"`, `br#"…"#`; none for a word or a raw identifier.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let start = if chars[at] == 'r' { at } else { at + 1 };
    if chars.get(start) != Some(&'r') {
        return None;
    }
    let quote = find(chars, start + 1, |char| char != '#');
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['#'; quote - start];
    closing[0] = '"';
    let rest = &chars[quote + 1..];
    let text = rest
        .windows(closing.len())
        .position(|window| window == closing);
    Some(text.map_or(chars.len(), |length| quote + 1 + length + closing.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let code: String = code_only(text).into_iter().collect();
        assert_eq!(code.chars().count(), text.chars().count());
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_blank() {
        assert_eq!(masked("a // {\nb"), "a b");
        assert_eq!(masked("a /* { /* { */ { */ b /* {"), "a b");
    }

    #[test]
    fn strings_are_blank() {
        assert_eq!(masked(r#"a("{", "\"{", b"{\\")"#), "a( , , b )");
        assert_eq!(
            masked(r###"a(r"{\", br#"{"{"#, r#type)"###),
            "a( , , r#type)"
        );
        assert_eq!(masked("a\"{\n{\"b"), "a b");
        assert_eq!(masked("a \"never closed {"), "a");
    }

    #[test]
    fn characters_are_blank_and_lifetimes_are_not() {
        assert_eq!(masked(r"f('{', '\'', '\u{7b}', b'{')"), "f( , , , b )");
        assert_eq!(
            masked("f<'a>(&'a str) -> &'static str {"),
            "f<'a>(&'a str) -> &'static str {"
        );
    }
}
