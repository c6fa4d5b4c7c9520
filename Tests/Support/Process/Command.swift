import Foundation
import Synchronization

/// A program that a test runs to its end.
package enum Command {
    /// Runs it and waits for it without blocking the caller's thread.
    ///
    /// Its output goes to a file: servers that it starts may keep a pipe open long after it has ended.
    /// - Returns: what it wrote to standard output and standard error.
    /// - Throws: ``TestError`` with that, unless it ends with 0.
    @discardableResult
    package static func run(_ executable: String, _ arguments: [String]) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // a leftover file harms nobody
        let output = try FileHandle(forWritingTo: file)
        let process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let ended = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = {
            ended.continuation.yield($0.terminationStatus)
            ended.continuation.finish()
        }
        try process.run()
        // In a task of its own: a cancelled test must not leave half a server behind.
        let status = await Task { await ended.stream.first { _ in true } }.value
        let text = try String(contentsOf: file, encoding: .utf8)
        guard status == 0 else {
            let name = "\(URL(filePath: executable).lastPathComponent) \(arguments.joined(separator: " "))"
            throw TestError("\(name) ended with \(status.map { "\($0)" } ?? "nothing"):\n\(text)")
        }
        return text
    }
}
