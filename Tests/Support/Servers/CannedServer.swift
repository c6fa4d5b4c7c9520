import Foundation
import Glibc
import Synchronization

/// Lends a server on 127.0.0.1 that answers every request with the same text and closes its connection; it counts them.
package func withCannedServer<Result>(
    _ answer: String,
    _ body: (_ port: Int, _ requests: @Sendable () -> Int) async throws -> Result
) async throws -> Result {
    let listener = try LoopbackSocket.bound(to: "127.0.0.1", port: 0)
    listen(listener, 16)
    let count = RequestCount()
    // A thread of its own for blocking calls; it ends when the listener is shut down.
    Thread.detachNewThread {
        while case let client = accept(listener, nil, nil), client >= 0 {
            count.value.add(1, ordering: .relaxed)
            var request: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let length = read(client, &buffer, buffer.count), length > 0 {
                request += buffer.prefix(length)
                if String(decoding: request, as: UTF8.self).contains("\r\n\r\n") { break }
            }
            _ = write(client, answer, answer.utf8.count)
            Glibc.close(client)
        }
        Glibc.close(listener)
    }
    defer { shutdown(listener, Int32(SHUT_RDWR)) }
    return try await body(LoopbackSocket.port(of: listener)) { count.value.load(ordering: .relaxed) }
}

private final class RequestCount: Sendable {
    let value = Atomic(0)
}
