import Foundation
import Logging
import Synchronization
import Testing

@testable import Telemetry

@Suite("Log lines")
struct LogLineHandlerTests {
    /// Collects what a handler writes.
    private final class Lines: Sendable {
        private let storage = Mutex<[String]>([])
        var output: LogOutput { LogOutput { line in self.storage.withLock { $0.append(line) } } }
        var all: [String] { self.storage.withLock { $0 } }
    }

    private func lines(_ format: LogFormat, level: Logger.Level = .info, _ body: (inout Logger) -> Void) -> [String] {
        let lines = Lines()
        var logger = Logger(label: "test") { label in
            LogLineHandler(label: label, format: format, level: level, output: lines.output)
        }
        body(&logger)
        return lines.all
    }

    private func object(_ line: String) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    }

    private struct Broken: Error, CustomStringConvertible {
        let description = "broken: \"code\" 7"
    }

    @Test("a JSON record is one object on one line with the stable keys, the error and flat metadata")
    func jsonRecord() throws {
        let lines = self.lines(.json) { logger in
            logger[metadataKey: "relay.worker_id"] = "w1"
            logger.info(
                "Batch rolled back",
                error: Broken(),
                metadata: ["batch": ["size": "3", "kinds": ["a", .stringConvertible(2)]]]
            )
        }
        let line = try #require(lines.first)
        #expect(lines.count == 1)
        #expect(line.hasSuffix("}\n"))
        #expect(line.dropLast().contains("\n") == false)
        var object = try self.object(line)
        let timestamp = object.removeValue(forKey: "timestamp") ?? ""
        #expect(timestamp.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        #expect(
            object == [
                "level": "info", "label": "test", "message": "Batch rolled back", "error": "broken: \"code\" 7",
                "relay.worker_id": "w1", "batch.size": "3", "batch.kinds.0": "a", "batch.kinds.1": "2",
            ]
        )
    }

    @Test(
        "whatever a value holds, JSON gives it back and the line stays one line",
        arguments: [
            "", "plain", "quote \" backslash \\ slash /", "line\nfeed\r\n\ttab", "nul \u{0} bell \u{7} delete \u{7F}",
            "ümlaut 日本語 🧠 e\u{301}\u{2028}", "{\"a\":[1]}",
        ]
    )
    func jsonEscaping(value: String) throws {
        let lines = self.lines(.json) { logger in
            logger.notice("\(value)", metadata: ["value": "\(value)", "key \(value)": "1"])
        }
        let line = try #require(lines.first)
        #expect(line.utf8.filter { $0 == 0x0A }.count == 1)
        let object = try self.object(line)
        #expect(object["message"].map { Array($0.utf8) } == Array(value.utf8))
        #expect(object["value"].map { Array($0.utf8) } == Array(value.utf8))
        #expect(object["key \(value)"] == "1")
    }

    @Test("metadata named like one of the record's own keys does not replace it")
    func reservedKeys() throws {
        let lines = self.lines(.json) { $0.info("real", metadata: ["message": "other", "level": "other"]) }
        let object = try self.object(try #require(lines.first))
        #expect(object["message"] == "real")
        #expect(object["level"] == "info")
        #expect(object["metadata.message"] == "other")
        #expect(object["metadata.level"] == "other")
    }

    @Test("a text record reads time, level, label, message, pairs; values with spaces or quotes are quoted")
    func textRecord() throws {
        let metadata: Logger.Metadata = ["port": "8029", "reason": "no route\nx", "empty": ""]
        let lines = self.lines(.text) { $0.notice("listening", error: Broken(), metadata: metadata) }
        let line = try #require(lines.first)
        let expected =
            #" notice test: listening empty="" port=8029 reason="no route\nx" error="broken: \"code\" 7""# + "\n"
        #expect(line.hasSuffix(expected))
    }

    @Test("a message or key with a line break cannot begin a line of its own")
    func textInjection() throws {
        let lines = self.lines(.text) { $0.info("one\ntwo", metadata: ["a\nb": "c\nd"]) }
        #expect(try #require(lines.first).utf8.filter { $0 == 0x0A }.count == 1)
    }

    @Test("level and metadata are values of each logger")
    func valueSemantics() throws {
        let lines = self.lines(.json) { first in
            var second = first
            second.logLevel = .error
            second[metadataKey: "only-on"] = "second"
            first[metadataKey: "only-on"] = "first"
            first.info("kept")
            second.info("below its level")
        }
        #expect(lines.count == 1)
        #expect(try self.object(try #require(lines.first))["only-on"] == "first")
    }

    @Test("the statement's metadata wins over the provider's, the provider's over the logger's")
    func precedence() throws {
        let lines = Lines()
        var handler = LogLineHandler(label: "test", format: .json, level: .info, output: lines.output)
        handler.metadata = ["a": "logger", "b": "logger", "c": "logger"]
        handler.metadataProvider = Logger.MetadataProvider { ["b": "provider", "c": "provider"] }
        let made = handler
        Logger(label: "test") { _ in made }.info("x", metadata: ["c": "statement"])
        let object = try self.object(try #require(lines.all.first))
        #expect(object["a"] == "logger")
        #expect(object["b"] == "provider")
        #expect(object["c"] == "statement")
    }
}
