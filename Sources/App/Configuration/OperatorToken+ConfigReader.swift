import API
import Configuration

extension OperatorToken {
    /// The token of the operator's endpoints; nil when it is not set: they are off.
    ///
    /// ## Configuration keys
    ///
    /// - `skillrelay.adminToken` (string, optional, secret): 16 or more visible ASCII characters.
    init?(config: ConfigReader) throws(ConfigurationError) {
        let text = try config.text(.adminToken)
        guard !text.isEmpty else { return nil }
        guard text.utf8.count >= Self.minBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(.adminToken, "is not \(Self.minBytes) or more visible ASCII characters")
        }
        self.init(text)
    }
}
