import Foundation
import Glibc

/// A program that a test runs to its end.
package enum Command {
    /// Runs it and waits for it without blocking the caller's thread.
    ///
    /// Not Foundation's `Process`, which takes a program that leaves servers behind for running as long as they do. Output goes to a file
    /// for the same reason: the servers may keep a pipe open.
    /// - Returns: what it wrote to standard output and standard error.
    /// - Throws: ``TestError`` with that, unless it ends with 0.
    @discardableResult
    package static func run(_ executable: String, _ arguments: [String]) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }  // a leftover file harms nobody
        let process = try Self.spawn([executable] + arguments, output: file.path())
        let status = await Self.end(of: process)
        let text = try String(contentsOf: file, encoding: .utf8)
        guard status == 0 else {
            let name = URL(filePath: executable).lastPathComponent
            throw TestError("\(name) \(arguments.joined(separator: " ")) failed (wait status \(status)):\n\(text)")
        }
        return text
    }

    /// Waits until it has ended; its wait status.
    static func end(of process: pid_t) async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var status: Int32 = 0
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
    }

    /// Whether it has ended; it can still be waited for.
    static func hasEnded(_ process: pid_t) -> Bool {
        var end = siginfo_t()
        return waitid(P_PID, id_t(process), &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_signo == SIGCHLD
    }

    /// Starts it; who does has to wait for it. With `leadsGroup` it leads a process group, which all that it starts is in.
    static func spawn(_ command: [String], output: String, leadsGroup: Bool = false) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        if leadsGroup { posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP)) }
        var arguments = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, command[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else { throw TestError("\(command[0]) does not start: \(String(cString: strerror(code)))") }
        return process
    }
}
