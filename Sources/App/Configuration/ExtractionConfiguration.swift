import Configuration
import Foundation

/// Who makes tasks of messages.
///
/// ## Configuration keys
///
/// - `core.baseUrl` (string, optional): where Acontext CORE answers HTTP; unset, the built-in extractor does it.
/// - `skillrelay.messageEvents` (boolean, default `true`): tell CORE of each message through RabbitMQ.
struct ExtractionConfiguration: Sendable {
    let coreURL: URL?
    let writesMessageEvents: Bool

    init(config: ConfigReader) throws(ConfigurationError) {
        let text = try config.text(.coreURL)
        self.coreURL = text.isEmpty ? nil : try Self.url(text)
        self.writesMessageEvents = try config.flag(.messageEvents)
    }

    private static func url(_ text: String) throws(ConfigurationError) -> URL {
        // Quotes nothing of the text: it may hold a password.
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            url.host()?.isEmpty == false, (1...65_535).contains(url.port ?? 80), url.user() == nil, url.query() == nil,
            url.fragment() == nil
        else {
            throw ConfigurationError(
                .coreURL, "is not an http or https URL of a host, without user, query and fragment")
        }
        return url
    }
}
