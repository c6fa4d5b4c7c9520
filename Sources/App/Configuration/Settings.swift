import Configuration
import Foundation
import SystemPackage

/// Where settings come from, strongest first: the environment, the YAML file that `SKILLRELAY_CONFIG` names, the defaults.
enum Settings {
    /// - Throws: `ConfigurationError` when the file is named and cannot be read as YAML.
    static func load(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws(ConfigurationError) -> ConfigReader {
        let secretVariables = Set(Setting.all.filter(\.isSecret).map(\.variable))
        let variables = EnvironmentVariablesProvider(
            // Compose files and the like set what they have no value for to the empty text.
            environmentVariables: environment.filter { !$0.value.isEmpty },
            secretsSpecifier: .specific(secretVariables)
        )
        let defaults = InMemoryProvider(
            name: "defaults",
            values: Dictionary(
                uniqueKeysWithValues: Setting.all.map { setting in
                    (AbsoluteConfigKey(ConfigKey(setting.key)), ConfigValue(setting.defaultValue, isSecret: false))
                }
            )
        )
        let path = try ConfigReader(providers: [variables, defaults]).text(.file)
        guard !path.isEmpty else {
            return ConfigReader(providers: [variables, defaults])
        }
        return ConfigReader(providers: [variables, try await Self.file(path), defaults])
    }

    private static func file(_ path: String) async throws(ConfigurationError) -> FileProvider<YAMLSnapshot> {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw ConfigurationError(.file, "\(path.debugDescription) cannot be read")
        }
        do {
            let secretKeys = Set(Setting.all.filter(\.isSecret).map(\.key))
            return try await FileProvider<YAMLSnapshot>(
                parsingOptions: .init(secretsSpecifier: .specific(secretKeys)),
                filePath: FilePath(path)
            )
        } catch {
            // The parser's own words quote the file, and the file may hold secrets.
            throw ConfigurationError(.file, "\(path.debugDescription) is not a YAML mapping of settings")
        }
    }
}
