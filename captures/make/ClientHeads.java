// java.net.http: a WebSocket, polls, posts and server-sent events. java ClientHeads.java SITE
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.util.concurrent.CountDownLatch;

public class ClientHeads {
    public static void main(String[] arguments) throws Exception {
        String site = arguments[0];
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        CountDownLatch closed = new CountDownLatch(1);
        WebSocket socket = client.newWebSocketBuilder().buildAsync(
            URI.create(site.replace("http", "ws") + "/api/socket"), new WebSocket.Listener() {
                public java.util.concurrent.CompletionStage<?> onClose(WebSocket s, int code, String reason) {
                    closed.countDown();
                    return null;
                }
            }).join();
        socket.sendClose(1000, "").join();
        closed.await();
        for (int n = 0; n < 2; n++) {
            client.send(HttpRequest.newBuilder(URI.create(site + "/api/news?after=" + n)).build(), BodyHandlers.ofString());
        }
        for (int n = 0; n < 2; n++) {
            client.send(HttpRequest.newBuilder(URI.create(site + "/api/say"))
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"text\": \"hello\"}")).build(), BodyHandlers.discarding());
        }
        var events = client.send(HttpRequest.newBuilder(URI.create(site + "/api/events"))
            .header("Accept", "text/event-stream").build(), BodyHandlers.ofInputStream());
        events.body().read();
        events.body().close();
        Thread.sleep(300);
        System.exit(0);
    }
}
