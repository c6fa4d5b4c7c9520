import Configuration

// The only reads of settings: strict, and with the variable's name in every error.
extension ConfigReader {
    /// The setting's text; empty when it is not set.
    func text(_ setting: Setting) throws(ConfigurationError) -> String {
        do {
            return try self.requiredString(forKey: ConfigKey(setting.key), isSecret: setting.isSecret)
        } catch {
            throw ConfigurationError(setting, "is not a text")
        }
    }

    /// - Throws: also when the setting is missing or empty.
    func requiredText(_ setting: Setting) throws(ConfigurationError) -> String {
        let text = try self.text(setting)
        guard !text.isEmpty else {
            throw ConfigurationError(setting, "missing")
        }
        return text
    }

    func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        guard let value = try? self.requiredInt(forKey: ConfigKey(setting.key)), range.contains(value) else {
            throw self.malformed(setting, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func milliseconds(_ setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Duration {
        .milliseconds(try self.integer(setting, in: range))
    }

    func flag(_ setting: Setting) throws(ConfigurationError) -> Bool {
        guard let value = try? self.requiredBool(forKey: ConfigKey(setting.key)) else {
            throw self.malformed(setting, "true or false")
        }
        return value
    }

    func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ setting: Setting
    ) throws(ConfigurationError) -> Value {
        guard let value = Value(rawValue: try self.text(setting)) else {
            throw self.malformed(setting, "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return value
    }

    /// The value is quoted where it is no secret, escaped and cut: the report stays one line.
    private func malformed(_ setting: Setting, _ expectation: String) -> ConfigurationError {
        guard !setting.isSecret, let value = self.string(forKey: ConfigKey(setting.key)) else {
            return ConfigurationError(setting, "is not \(expectation)")
        }
        return ConfigurationError(setting, "\(String(value.prefix(64)).debugDescription) is not \(expectation)")
    }
}
