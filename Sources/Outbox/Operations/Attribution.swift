/// Who asks for an operation, and why: kept with it.
package struct Attribution: Sendable, Hashable {
    package let by: String
    package let reason: String

    /// Of each, in bytes.
    private static let maxBytes = 1024

    /// - Throws: `.invalid` when one of them is empty, too long, or more than a line.
    package init(by: String, reason: String) throws(OperationError) {
        self.by = try Self.checked(by, "who asks for it (by)")
        self.reason = try Self.checked(reason, "the reason")
    }

    private static func checked(_ text: String, _ name: String) throws(OperationError) -> String {
        guard text.contains(where: { !$0.isWhitespace }) else { throw .invalid("\(name) is missing") }
        guard text.utf8.count <= Self.maxBytes else { throw .invalid("\(name) is longer than \(Self.maxBytes) bytes") }
        // Whoever reads the audit trail, with whatever, is not to be fooled by it.
        guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw .invalid("\(name) has a control character in it, such as a line break")
        }
        return text
    }
}
