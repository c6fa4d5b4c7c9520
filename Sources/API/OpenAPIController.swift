import Assets
import Hummingbird
import NIOCore

/// `/openapi.json`: every route that there may be, those of the operator among them (OpenAPI 3.1).
struct OpenAPIController: Sendable {
    private static let document = ByteBuffer(bytes: Asset.openAPI.bytes)

    var routes: RouteCollection<RelayContext> {
        RouteCollection(context: RelayContext.self)
            .get("openapi.json") { _, _ in Envelope.response(.ok, Self.document) }
    }
}
