import Hummingbird
import ServiceLifecycle

/// Runs the HTTP application and says where, should it fail: most often because the port is taken.
struct HTTPServer<Application: ApplicationProtocol>: Service {
    let application: Application
    let host: String
    let port: Int

    func run() async throws {
        do {
            try await self.application.run()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw HTTPServerError(host: self.host, port: self.port, underlying: error)
        }
    }
}

struct HTTPServerError: Error, CustomStringConvertible {
    let host: String
    let port: Int
    let underlying: any Error

    var description: String {
        "cannot serve HTTP on \(self.host):\(self.port): \(self.underlying)"
    }
}
