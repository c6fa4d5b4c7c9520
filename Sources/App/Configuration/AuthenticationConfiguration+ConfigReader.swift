import API
import Configuration

extension AuthenticationConfiguration {
    /// How bearer tokens are made and checked.
    ///
    /// ## Configuration keys
    ///
    /// - `root.secretPepper` (string, required, secret): the key of the tokens' lookup hash.
    /// - `root.projectBearerTokenPrefix` (string, default `sk-ac-`): visible ASCII, not empty.
    /// - `enable.argon2.verification` (boolean, default `true`): check each token against its Argon2 hash, too.
    init(config: ConfigReader) throws(ConfigurationError) {
        let prefix = try config.requiredText(.tokenPrefix)
        guard prefix.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(.tokenPrefix, "\(prefix.debugDescription) has other than visible ASCII characters")
        }
        self.init(pepper: try config.requiredText(.pepper))
        self.tokenPrefix = prefix
        self.verifiesArgon2 = try config.flag(.verifiesArgon2)
    }
}
