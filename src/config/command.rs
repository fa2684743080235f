//! How is a program with its arguments written?

/// A program and its arguments, as one line; never given to a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    text: String,
    words: Vec<String>,
}

impl Command {
    /// Words are parted by blanks; what stands in " " or ' ' is one word, or part of one.
    ///
    /// # Errors
    /// A quote that does not end; said in words that tell what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quote = None;
        for c in text.chars() {
            match quote {
                Some(end) if c == end => quote = None,
                Some(_) => word.get_or_insert_default().push(c),
                None if c == '"' || c == '\'' => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                None if c.is_whitespace() => words.extend(word.take()),
                None => word.get_or_insert_default().push(c),
            }
        }
        if let Some(quote) = quote {
            return Err(format!("a {quote} has no end; write another one there"));
        }
        words.extend(word);
        Ok(Self {
            text: text.to_owned(),
            words,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The program, then its arguments; none if nothing was written.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Command::parse(text).unwrap().words
    }

    #[test]
    fn blanks_part_words_unless_quoted() {
        assert_eq!(
            words("piper -m a.onnx  {file}"),
            ["piper", "-m", "a.onnx", "{file}"]
        );
        assert_eq!(
            words("\"/opt/my voice/say\" --t='a b'c \"\""),
            ["/opt/my voice/say", "--t=a bc", ""]
        );
        assert_eq!(words(" "), [""; 0]);
        assert!(Command::parse("say 'it").unwrap_err().contains("no end"));
        assert_eq!(
            Command::parse("say  {text}").unwrap().as_str(),
            "say  {text}"
        );
    }
}
