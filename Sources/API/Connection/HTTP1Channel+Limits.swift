import HummingbirdCore
import NIOCore

extension HTTP1Channel.Configuration {
    init(_ limits: APILimits) {
        self.init(
            additionalChannelHandlers: [ConnectionGuard(lingerTimeout: limits.lingerTimeout)],
            idleTimeout: TimeAmount(limits.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.maxHeaderBytes,
                maxHeaderListSize: limits.maxHeaderBytes,
                maxHeaderFieldCount: limits.maxHeaderCount
            )
        )
    }
}
