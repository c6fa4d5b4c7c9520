import Testing

@testable import API

@Suite("A connection")
struct ConnectionStateTests {
    @Test("goes on when requests and answers alternate, or when requests come ahead")
    func ordinary() {
        var state = ConnectionState()
        #expect(state.requestEnded() == .nothing)
        #expect(state.responseEnded(closes: false) == .nothing)
        #expect(state.requestEnded() == .nothing)
        #expect(state.requestEnded() == .nothing)
        #expect(state.responseEnded(closes: false) == .nothing)
        #expect(state.responseEnded(closes: false) == .nothing)
    }

    @Test("waits a while for the rest of a request that is answered already")
    func outrun() {
        var state = ConnectionState()
        #expect(state.responseEnded(closes: false) == .linger)
        #expect(state.requestEnded() == .stopLingering)
        #expect(state.requestEnded() == .nothing)
        #expect(state.responseEnded(closes: false) == .nothing)
    }

    @Test("ends after an answer that says so, whatever still comes")
    func closing() {
        var state = ConnectionState()
        #expect(state.responseEnded(closes: true) == .closeOutput)
        #expect(state.requestEnded() == .nothing)
        #expect(state.responseEnded(closes: true) == .nothing)
    }
}
