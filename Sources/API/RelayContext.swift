package import Hummingbird
import Logging
import NIOCore
import Tasks

/// What the middlewares know of a request.
package struct RelayContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The request's connection.
    let channel: any Channel
    /// Whose token the request carries; nil outside `AuthMiddleware`.
    var project: Project?

    package init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
    }

    /// The id under which Hummingbird logs the request; nil with a logger that keeps no metadata, where `id` would trap.
    var requestID: String? {
        self.logger[metadataKey: "hb.request.id"]?.description
    }
}

/// What a route behind authentication knows of a request.
struct ProjectContext: ChildRequestContext {
    var coreContext: CoreRequestContextStorage
    /// The request's connection.
    let channel: any Channel
    /// Whose token the request carries.
    let project: Project

    init(context: RelayContext) throws {
        guard let project = context.project else { throw RequestError.unauthorized }
        self.coreContext = context.coreContext
        self.channel = context.channel
        self.project = project
    }
}
