/** Ends well where OkHttp is there. */
public class OkHttpProbe {
	public static void main(String[] args) {
		new okhttp3.OkHttpClient();
	}
}
