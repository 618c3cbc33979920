//! Text made of tokens: plausible words from dice, and the splitting of given text.

use super::Piece;
use crate::dice::Dice;

/// Longer runs of letters become several tokens.
const PIECE_CHARS_MAX: usize = 8;
/// A full stop comes after so many words.
const SENTENCE_WORDS: usize = 9;

/// Each with its leading space, as tokenizers see words. Some are not ASCII, so that streams split inside them.
const WORDS: [&str; 96] = [
    " the",
    " a",
    " model",
    " answer",
    " river",
    " small",
    " gives",
    " light",
    " over",
    " time",
    " and",
    " then",
    " every",
    " quiet",
    " request",
    " follows",
    " its",
    " own",
    " path",
    " to",
    " where",
    " numbers",
    " meet",
    " words",
    " in",
    " an",
    " even",
    " order",
    " café",
    " naïve",
    " über",
    " 東京",
    " señal",
    " 🙂",
    " because",
    " it",
    " measures",
    " what",
    " was",
    " asked",
    " before",
    " while",
    " others",
    " wait",
    " near",
    " this",
    " gate",
    " with",
    " care",
    " of",
    " some",
    " value",
    " from",
    " many",
    " possible",
    " turns",
    " we",
    " see",
    " one",
    " clear",
    " result",
    " that",
    " stays",
    " true",
    " as",
    " long",
    " input",
    " does",
    " not",
    " change",
    " after",
    " first",
    " look",
    " seems",
    " simple",
    " yet",
    " holds",
    " more",
    " detail",
    " than",
    " expected",
    " so",
    " read",
    " slowly",
    " count",
    " twice",
    " keep",
    " notes",
    " under",
    " open",
    " sky",
    " until",
    " evening",
    " comes",
    " back",
    " again",
];

/// The word that a token of a prompt stands for.
pub(super) fn word(token: u64) -> Piece {
    let at = token % WORDS.len() as u64;
    Piece::Borrowed(WORDS[usize::try_from(at).unwrap_or(0)])
}

/// Exactly `tokens` tokens of prose.
pub(super) fn sentence(dice: &mut Dice, tokens: usize) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(tokens);
    for at in 0..tokens {
        let word = WORDS[dice.below(WORDS.len())];
        pieces.push(Piece::Borrowed(match at {
            0 => word.trim_start(),
            at if at % (SENTENCE_WORDS + 1) == SENTENCE_WORDS => ".",
            _ => word,
        }));
    }
    pieces
}

/// Splits text into tokens: runs of blanks with the word after them, at most eight characters each.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut chars = 0;
    for letter in text.chars() {
        let begins_word = letter.is_whitespace() && !piece.ends_with(char::is_whitespace);
        if chars == PIECE_CHARS_MAX || (begins_word && chars > 0) {
            pieces.push(Piece::Owned(std::mem::take(&mut piece)));
            chars = 0;
        }
        piece.push(letter);
        chars += 1;
    }
    if !piece.is_empty() {
        pieces.push(Piece::Owned(piece));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{pieces, sentence};
    use crate::dice::Dice;

    #[test]
    fn splitting_loses_nothing() {
        for text in ["", " ", "a  b\n\nc", "{\"city\":\"東京の長い名前です\"}", "internationalisation"]
        {
            let parts = pieces(text);
            assert_eq!(parts.concat(), text);
            assert!(parts.iter().all(|part| (1..=8).contains(&part.chars().count())), "{parts:?}");
        }
    }

    #[test]
    fn prose_has_the_length_asked_for_and_repeats_with_the_seed() {
        for length in [0, 1, 10, 100] {
            assert_eq!(sentence(&mut Dice::new(3), length).len(), length);
        }
        assert_eq!(sentence(&mut Dice::new(3), 50), sentence(&mut Dice::new(3), 50));
        assert_ne!(sentence(&mut Dice::new(3), 50), sentence(&mut Dice::new(4), 50));
    }
}
