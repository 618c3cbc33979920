//! Where a JSON object or array ends, found byte by byte while it arrives.

/// Follows the brackets of one object or array. It does not check the rest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    begun: bool,
    whole: bool,
}

impl Scan {
    /// Takes more of the text. Returns the offset behind the end of the value, when it is in `text`.
    pub(super) fn read(&mut self, text: &str) -> Option<usize> {
        if self.whole {
            return None;
        }
        for (at, byte) in text.bytes().enumerate() {
            self.step(byte);
            if self.whole {
                return Some(at + 1);
            }
        }
        None
    }

    /// Whether anything but white space came.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether the value came to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    fn step(&mut self, byte: u8) {
        self.begun |= !byte.is_ascii_whitespace();
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.whole = self.depth == 1;
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
}
