import NIOCore
import NIOPosix
import Testing

@testable import API

@Suite("Work that may take long")
struct OffEventLoopTests {
    @Test("leaves the event loop of its request, which then goes on where it was")
    func leaves() async {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let places = await Task(executorPreference: EventLoopExecutor(loop)) {
            let before = loop.inEventLoop
            let inside = await offEventLoop { loop.inEventLoop }
            return [before, inside, loop.inEventLoop]
        }.value
        #expect(places == [true, false, true])
    }
}
