import Foundation
import JSON
import Postgres

/// How the built-in extractor makes tasks of messages, one after the other:
///
/// * A message of the user opens a task, with its text as the description. So does one without text that has something else to show.
/// * What the assistant says after it is the task's progress.
/// * Results of tools, and what is no user's or has no text, is the task's material: linked to it, and nothing more.
///
/// It judges nothing: no task is finished by it.
struct ExtractionRule {
    /// Longer texts are cut.
    static let maxDescriptionBytes = 2000
    static let maxProgressBytes = 1000
    /// The latest are kept.
    static let maxProgresses = 50

    /// A task to make.
    struct Opened: Hashable {
        let id: UUID
        let description: String
        var progresses: [String] = []
    }

    /// In the order of their messages.
    private(set) var opened: [Opened] = []
    /// What is new of the task that was there before.
    private(set) var progresses: [String] = []
    /// Which task each message belongs to; none before the first.
    private(set) var links: [(message: UUID, task: UUID?)] = []

    private let previous: UUID?

    /// `previous` is the task of the message before the first of these.
    init(previous: UUID?) {
        self.previous = previous
    }

    mutating func take(_ message: SaidMessage) {
        switch message.saying {
        case .request(let text):
            self.opened.append(Opened(id: UUID(), description: text.cut(to: Self.maxDescriptionBytes)))
        case .progress(let text):
            let text = text.cut(to: Self.maxProgressBytes)
            if self.opened.isEmpty {
                self.progresses.append(text)
            } else {
                self.opened[self.opened.count - 1].progresses.append(text)
            }
        case .material:
            break
        }
        self.links.append((message.id, self.opened.last?.id ?? self.previous))
    }
}

/// A message, as the rule sees it.
struct SaidMessage: Sendable {
    let id: UUID
    let createdAt: PostgresTimestamp
    fileprivate let saying: Saying

    /// Reads the parts, which takes a while when they are large.
    init(_ message: Message) {
        self.id = message.id
        self.createdAt = message.createdAt
        self.saying = Saying(message)
    }
}

private enum Saying {
    case request(String)
    case progress(String)
    case material

    init(_ message: Message) {
        // Whatever was stored by others: what cannot be read is no reason to stop.
        let parts = (try? JSONValue(stored: message.parts))?.array ?? []
        let text = parts.filter { $0["type"]?.string == "text" }.compactMap { $0["text"]?.string }
            .joined(separator: "\n").replacing("\0", with: "").trimmingCharacters(in: .whitespacesAndNewlines)
        switch message.role {
        case "user" where Self.isUsers(message) && !Self.isToolResult(parts):
            self = .request(text.isEmpty ? Self.names(of: parts) : text)
        case "assistant" where !text.isEmpty: self = .progress(text)
        default: self = .material
        }
    }

    /// Messages of the system and of developers are stored as a user's.
    private static func isUsers(_ message: Message) -> Bool {
        let role = (try? JSONValue(stored: message.meta))?["original_role"]?.string
        return role == nil || role == "user"
    }

    private static func isToolResult(_ parts: [JSONValue]) -> Bool {
        !parts.isEmpty && parts.allSatisfy { $0["type"]?.string == "tool-result" }
    }

    /// What there is in place of a text, as `[image] [file report.pdf]`.
    private static func names(of parts: [JSONValue]) -> String {
        let names = parts.map { part in
            "[" + [part["type"]?.string ?? "part", part["filename"]?.string].compactMap(\.self).joined(separator: " ")
                + "]"
        }
        return names.isEmpty ? "[no text]" : names.joined(separator: " ").replacing("\0", with: "")
    }
}

extension String {
    /// The text, or as much of it as leaves room in so many bytes for the sign that it was cut.
    fileprivate func cut(to maxBytes: Int) -> String {
        guard self.utf8.count > maxBytes else { return self }
        let sign = "…"
        var end = self.utf8.index(self.startIndex, offsetBy: maxBytes - sign.utf8.count)
        while end.samePosition(in: self.unicodeScalars) == nil { end = self.utf8.index(before: end) }
        return self[..<end] + sign
    }
}
