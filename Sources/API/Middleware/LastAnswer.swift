import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// Says `Connection: close` with the answer that is a connection's last, and so ends it.
///
/// That is the one to a request that asks to change the protocol, which we never do: the HTTP parser reads nothing after such a request
/// (an upgrade, or CONNECT), and kept alive, the connection would ignore the next one. And every answer once the service stops: a client
/// that is not told would send its next request into a connection that is being closed.
enum LastAnswer {
    static func mark(_ response: inout Response, to request: Request) {
        if request.method == .connect || request.headers[.upgrade] != nil || Task.isShuttingDownGracefully {
            response.headers[.connection] = "close"
        }
    }
}
