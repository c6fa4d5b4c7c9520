import JSON

/// How many tokens of OpenAI's `o200k_base`, about, a text is.
///
/// An estimate, because no tokenizer with that vocabulary is maintained for Swift. It cuts a text into the pieces that
/// `o200k_base` never joins (words with what stands before them, up to three digits, punctuation, white space) and
/// counts each by its kind and length, with weights fitted to the real tokenizer. docs/api.md says how far it is off.
package struct TokenEstimate: Sendable {
    /// Hundredths of a token.
    private var cost = 0
    private var piece = Piece.none
    private var lastWasLower = false
    private var followsWord = false

    private enum Piece {
        case none
        /// Spaces after the last line feed, if any.
        case space(Int, hasLineFeed: Bool)
        case punctuation(Int, isApostropheInWord: Bool, afterSpace: Bool)
        /// Line feeds that go with the punctuation before them.
        case lineEnd
        case digits(Int)
        case word(Word)
    }

    private struct Word {
        var letters = 0
        var upper = 0
        /// Outside ASCII, in the Latin script.
        var marked = 0
        /// Of scripts in which a token is about a character.
        var dense = 0
        var hangul = 0
        /// Of all other scripts.
        var other = 0
        var followsApostrophe = false
    }

    private enum Kind {
        case lineFeed, space, digit, punctuation
        case lower, upper, markedLower, markedUpper, dense, hangul, other
    }

    package static func count(_ text: String) -> Int {
        var estimate = Self()
        estimate.add(text)
        return estimate.tokens
    }

    /// Of all that a model is given of these parts: texts, and the names and arguments of calls, each on a line
    /// (contract.md §2.3).
    package static func count(_ parts: [MessagePart]) -> Int {
        var estimate = Self()
        for part in parts {
            if part.type == "tool-call" {
                let call = JSONValue(members: ["arguments": part.meta?["arguments"], "name": part.meta?["name"]])
                estimate.add(call.text)
            } else if let text = part.text, !text.isEmpty {
                estimate.add(text)
            } else {
                continue
            }
            estimate.add("\n")
        }
        return estimate.tokens
    }

    private var tokens: Int {
        var whole = self
        // White space at the end is one piece.
        if case .space(let count, let hasLineFeed) = self.piece {
            whole.piece = .space(min(count, 1), hasLineFeed: hasLineFeed)
        }
        whole.end()
        return (whole.cost + 50) / 100
    }

    private mutating func add(_ text: String) {
        for scalar in text.unicodeScalars { self.add(Self.kind(scalar), isApostrophe: scalar == "'") }
    }

    // MARK: Pieces

    private mutating func add(_ kind: Kind, isApostrophe: Bool) {
        switch kind {
        case .lineFeed:
            switch self.piece {
            case .punctuation, .lineEnd:
                self.end()
                self.piece = .lineEnd
            case .space: self.piece = .space(0, hasLineFeed: true)
            default:
                self.end()
                self.piece = .space(0, hasLineFeed: true)
            }
        case .space:
            guard case .space(let count, let hasLineFeed) = self.piece else {
                self.end()
                self.piece = .space(1, hasLineFeed: false)
                return
            }
            self.piece = .space(count + 1, hasLineFeed: hasLineFeed)
        case .digit:
            guard case .digits(let count) = self.piece else {
                self.end()
                self.piece = .digits(1)
                return
            }
            self.piece = .digits(count + 1)
        case .punctuation:
            if case .punctuation(let count, _, let afterSpace) = self.piece {
                self.piece = .punctuation(count + 1, isApostropheInWord: false, afterSpace: afterSpace)
                return
            }
            let isInWord = if case .word = self.piece { isApostrophe } else { false }
            let afterSpace = self.endBeforeAttaching()
            self.piece = .punctuation(1, isApostropheInWord: isInWord, afterSpace: afterSpace)
        default:
            self.addLetter(kind)
        }
    }

    private mutating func addLetter(_ kind: Kind) {
        let isUpper = kind == .upper || kind == .markedUpper
        var word = Word()
        switch self.piece {
        // A word ends where a capital follows a small letter.
        case .word(let current) where !(isUpper && self.lastWasLower):
            word = current
        // One character of punctuation goes with the word that it precedes.
        case .punctuation(1, let isApostropheInWord, afterSpace: false):
            word.followsApostrophe = isApostropheInWord
            self.piece = .none
        default:
            _ = self.endBeforeAttaching()
        }
        word.letters += 1
        switch kind {
        case .upper: word.upper += 1
        case .markedLower: word.marked += 1
        case .markedUpper:
            word.upper += 1
            word.marked += 1
        case .dense: word.dense += 1
        case .hangul: word.hangul += 1
        case .other: word.other += 1
        default: break
        }
        self.lastWasLower = kind == .lower || kind == .markedLower
        self.piece = .word(word)
    }

    /// Counts the piece that is complete; of white space all but the last space, which goes with what follows.
    ///
    /// - Returns: whether there was such a space.
    private mutating func endBeforeAttaching() -> Bool {
        guard case .space(let count, let hasLineFeed) = self.piece, count > 0 else {
            self.end()
            return false
        }
        self.cost += (hasLineFeed ? 100 : 0) + (count > 1 ? 100 : 0)
        self.piece = .none
        return true
    }

    private mutating func end() {
        switch self.piece {
        case .none, .lineEnd: break
        case .space(let count, let hasLineFeed): self.cost += (hasLineFeed ? 100 : 0) + min(count, 2) * 100
        case .punctuation(let count, _, _): self.cost += max(100, 58 + 25 * count)
        case .digits(let count): self.cost += (count + 2) / 3 * 100
        case .word(let word): self.cost += Self.cost(word)
        }
        self.piece = .none
    }

    // MARK: Weights

    private static func cost(_ word: Word) -> Int {
        // "don't", "we'll"
        if word.followsApostrophe, word.letters <= 2 { return 0 }
        let dense = word.dense + word.hangul
        if dense * 2 >= word.letters { return max(100, 84 + 60 * word.dense + 48 * word.hangul) }
        if word.other > 0 { return max(100, 72 + 19 * word.letters) }
        let capitals =
            word.upper == word.letters ? 22 * max(0, word.letters - 2) : 87 * max(0, word.upper - 1)
        return 100 + max(0, word.letters - 5) + 50 * max(0, word.letters - 11) + 43 * word.marked + capitals
    }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        switch scalar.value {
        case 0x61...0x7A: .lower
        case 0x20, 0x09, 0x0B, 0x0C: .space
        case 0x41...0x5A: .upper
        case 0x30...0x39: .digit
        case 0x0A, 0x0D: .lineFeed
        case 0..<0x80: .punctuation
        case 0x3041...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0x20000...0x323AF: .dense
        case 0xAC00...0xD7A3: .hangul
        default: Self.rareKind(scalar)
        }
    }

    private static func rareKind(_ scalar: Unicode.Scalar) -> Kind {
        let isLatin = scalar.value < 0x250 || (0x1E00...0x1EFF).contains(scalar.value)
        switch scalar.properties.generalCategory {
        case .lowercaseLetter: return isLatin ? .markedLower : .other
        case .uppercaseLetter, .titlecaseLetter: return isLatin ? .markedUpper : .other
        case .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark, .enclosingMark: return .other
        case .decimalNumber, .letterNumber, .otherNumber: return .digit
        case .spaceSeparator, .lineSeparator, .paragraphSeparator: return .space
        default: return .punctuation
        }
    }
}
