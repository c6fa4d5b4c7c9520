import App
import NIOCore
import NIOPosix

@main
struct SkillRelayMain {
    static func main() async {
        // Tasks run where their connections' I/O does: one thread a core for both, and no hop between them.
        NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
        await Program.run()
    }
}
