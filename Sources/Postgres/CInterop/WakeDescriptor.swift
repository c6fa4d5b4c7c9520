import CLibPQ
import Glibc

/// An eventfd: any thread signals it, the connection's thread waits on it together with its socket.
final class WakeDescriptor: Sendable {
    enum Wait { case ready, woken, timedOut }

    private let descriptor: Int32

    /// - Throws: `.unavailable` when the process has no descriptor left.
    init() throws(PostgresError) {
        self.descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard self.descriptor >= 0 else {
            throw PostgresError(.unavailable, reason: "no file descriptor left (errno \(errno))")
        }
    }

    deinit {
        close(self.descriptor)
    }

    /// Ends the wait under way, or the next one. Callable from any thread.
    func signal() {
        // Fails only when the counter is at its limit, and then the descriptor is readable anyway.
        eventfd_write(self.descriptor, 1)
    }

    /// Blocks this thread until the socket is ready (or in error), a signal came, or the deadline passed.
    ///
    /// A signal may be left over from earlier: whoever is woken looks at what it was woken for.
    func wait(socket: Int32, writable: Bool, until deadline: ContinuousClock.Instant) -> Wait {
        var entries = [
            pollfd(fd: socket, events: Int16(writable ? POLLIN | POLLOUT : POLLIN), revents: 0),
            pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let left = max(.zero, ContinuousClock.now.duration(to: deadline)).inMilliseconds
            let count = unsafe poll(&entries, 2, Int32(clamping: left))
            if count == 0 || (count < 0 && left == 0) { return .timedOut }
            // Interrupted by a signal: again, with what is left of the time.
            if count < 0 { continue }
            if entries[1].revents != 0 {
                var value: eventfd_t = 0
                unsafe eventfd_read(self.descriptor, &value)
                return .woken
            }
            return .ready
        }
    }

    /// Whether something waits to be read, without waiting for it.
    static func isReadable(socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) != 0
    }
}
