import Foundation
import Glibc
import Support

/// A PgBouncer in transaction mode: each transaction may get another session of the server.
struct Pooler {
    /// `DATABASE_URL` through the pooler.
    let url: String

    /// Lends one that leads to the server of `database`.
    static func with<Result>(to database: TestDatabase, _ body: (Pooler) async throws -> Result) async throws -> Result
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pooler-\(UUID().uuidString.prefix(8))")
        // Writable for all: it may have to work under another user than ours.
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777]
        )
        chmod(folder.path(), 0o777)  // whatever the umask took away
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try TestURL(database.url)
        let configuration = """
            [databases]
            * = host=\(server.host) port=\(server.port) user=\(server.user) password=\(server.password)
            [pgbouncer]
            listen_addr =
            unix_socket_dir = \(folder.path())
            listen_port = \(Self.port)
            auth_type = any
            pool_mode = transaction
            default_pool_size = 4
            \(getuid() == 0 ? "user = postgres" : "")
            """
        let file = folder.appending(path: "pgbouncer.ini")
        try Data(configuration.utf8).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/pgbouncer")
        process.arguments = ["--quiet", file.path()]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            // At once, open sessions and all.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        try await eventually("the pooler listens") {
            FileManager.default.fileExists(atPath: folder.appending(path: ".s.PGSQL.\(Self.port)").path())
        }
        let name = database.url.split(separator: "/").last ?? ""
        return try await body(Pooler(url: "postgresql://any@/\(name)?host=\(folder.path())&port=\(Self.port)"))
    }

    /// Part of its socket's name only.
    private static let port = 6432
}
