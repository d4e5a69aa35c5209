// Gets each URL that is given, without a proxy.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Client {
  public static void main(String[] urls) {
    HttpClient client = HttpClient.newHttpClient();
    for (String url : urls) {
      try {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.body().trim());
      } catch (Exception error) {
        System.out.println("error");
      }
    }
  }
}
