import App

@main
struct SkillRelayMain {
    static func main() async {
        await Program.run()
    }
}
