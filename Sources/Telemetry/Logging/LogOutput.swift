import Glibc
import Synchronization

/// Where log lines go.
package struct LogOutput: Sendable {
    /// Takes a whole line. Lines of several threads must not mix.
    package let write: @Sendable (String) -> Void

    package init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Unbuffered: a line is out when the call returns, so a crash after it loses nothing.
    ///
    /// A reader that stalls must not stop the service: what standard error does not take at once is dropped, counted, and told of when it
    /// takes lines again.
    package static let standardError = LogOutput { line in
        Self.droppedLines.withLock { dropped in
            if dropped > 0, Self.writeIfReady("\(dropped) log lines dropped: standard error was full\n") { dropped = 0 }
            if dropped > 0 || !Self.writeIfReady(line) { dropped += 1 }
        }
    }

    /// The lock keeps lines of several threads apart.
    private static let droppedLines = Mutex(0)

    /// Writes in pieces, each only when it cannot block: for a pipe poll(2) promises room for 4 KiB, its PIPE_BUF (pipe(7)).
    private static func writeIfReady(_ line: String) -> Bool {
        let bytes = Array(line.utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            var standardError = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            guard poll(&standardError, 1, 0) == 1 else { return rest.count < bytes.count }
            let piece = Array(rest.prefix(4096))
            let count = Glibc.write(STDERR_FILENO, piece, piece.count)
            guard count > 0 else { return rest.count < bytes.count }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
