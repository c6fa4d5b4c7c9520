/// Why a text cannot be taken as the JSON that a route wants. Clients see one text for all of them (contract.md §1.2).
package enum JSONError: Error, Hashable, Sendable {
    /// Not JSON as RFC 8259 defines it, or something after its end.
    case malformed
    /// Not UTF-8 (RFC 8259 §8.1).
    case invalidUTF8
    /// More than `JSONScanner.maxDepth` containers inside each other.
    case tooDeep
    /// U+0000 or half of a surrogate pair in a string: no PostgreSQL text can hold them.
    case unstorableCharacter
    /// Numbers that PostgreSQL would write out with more zeros than a request may have bytes.
    case exponentTooLarge
    /// More than `JSONObject.maxValues` values where each becomes one in memory.
    case tooManyValues
    /// A member is not of the type its route wants.
    case wrongType
}
