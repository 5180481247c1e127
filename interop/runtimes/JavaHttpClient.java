import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** java.net.http, with values cut out by patterns: no library is needed. */
public class JavaHttpClient {
	static final String API = "https://sellingpartnerapi-na.amazon.com";
	static final HttpClient CLIENT = HttpClient.newHttpClient();

	static byte[] send(HttpRequest.Builder request) throws Exception {
		HttpResponse<byte[]> answer = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
		if (answer.statusCode() != 200) {
			throw new Exception(answer.uri() + ": " + answer.statusCode() + " " + new String(answer.body(), StandardCharsets.UTF_8));
		}
		return answer.body();
	}

	static String value(byte[] json, String name) {
		Matcher m = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(new String(json, StandardCharsets.UTF_8));
		return m.find() ? m.group(1) : null;
	}

	static String form(String name, String variable) {
		return "&" + name + "=" + URLEncoder.encode(System.getenv(variable), StandardCharsets.UTF_8);
	}

	public static void main(String[] args) throws Exception {
		String login = "grant_type=refresh_token" + form("refresh_token", "SPAPI_REFRESH_TOKEN") + form("client_id", "SPAPI_CLIENT_ID") + form("client_secret", "SPAPI_CLIENT_SECRET");
		String token = value(send(HttpRequest.newBuilder(URI.create("https://api.amazon.com/auth/o2/token")).header("Content-Type", "application/x-www-form-urlencoded")
				.POST(HttpRequest.BodyPublishers.ofString(login))), "access_token");
		byte[] orders = call(token, "/orders/v0/orders?CreatedAfter=2025-11-01T00:00:00Z&MarketplaceIds=" + System.getenv("SPAPI_MARKETPLACE"));
		byte[] reports = call(token, "/reports/2021-06-30/reports?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&processingStatuses=DONE&pageSize=1");
		URI url = URI.create(value(call(token, "/reports/2021-06-30/documents/" + value(reports, "reportDocumentId")), "url"));
		byte[] sum = MessageDigest.getInstance("SHA-256").digest(send(HttpRequest.newBuilder(url)));
		long count = Pattern.compile("\"AmazonOrderId\"").matcher(new String(orders, StandardCharsets.UTF_8)).results().count();
		System.out.printf("{\"orders\":%d,\"first\":\"%s\",\"host\":\"%s\",\"sha256\":\"%s\"}%n", count, value(orders, "AmazonOrderId"), url.getHost(), HexFormat.of().formatHex(sum));
	}

	static byte[] call(String token, String path) throws Exception {
		return send(HttpRequest.newBuilder(URI.create(API + path)).header("x-amz-access-token", token));
	}
}
