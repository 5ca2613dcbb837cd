/*
 * AWS's published Signature Version 4 test suite (aws-sig-v4-test-suite; today in the repository awslabs/aws-c-auth, below
 * tests/aws-signing-test-suite/v4), its cases of signatures in the Authorization header, in a form of our own. Where the two
 * editions of the suite disagree, or have each its own, it is the second, unless the name says otherwise.
 *
 * Each request has, besides what stands here, the headers Host and X-Amz-Date (VECTOR_HOST, VECTOR_TIME).
 */
#ifndef BERTH_SIGV4_VECTORS_H
#define BERTH_SIGV4_VECTORS_H

#include "common/model/error.h"

#define VECTOR_KEY_ID  "AKIDEXAMPLE"
#define VECTOR_SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define VECTOR_REGION  "us-east-1"
#define VECTOR_SERVICE "service"
#define VECTOR_HOST    "example.amazonaws.com"
#define VECTOR_TIME    "20150830T123600Z"
#define VECTOR_SECONDS 1440938160

#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define LONG_TOKEN \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRq" \
	"TflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75Y" \
	"U9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9K" \
	"SYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define BODY_HASH "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"

struct vector {
	const char *name, *method, *target; /* target: path?query */
	const char *headers;                /* "Name:value", '|' between them */
	const char *body, *signed_headers;
	const char *canonical, *signature;  /* SHA-256 of the canonical request; both in hexadecimal */
};

static const struct vector VECTORS[] = {
	{ "get-vanilla", "GET", "/", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-query", "GET", "/", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "host;x-amz-date",
	    "1e24db194ed7d0eec2de28d7369675a243488e08526e8c1c73571282f7c517ab",
	    "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query-order-key", "GET", "/?Param1=value2&Param1=Value1", "", "", "host;x-amz-date",
	    "704b4cef673542d84cdff252633f065e8daeba5f168b77116f8b1bcaf3d38f89",
	    "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1" },
	{ "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "host;x-amz-date",
	    "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0",
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1", "", "", "host;x-amz-date",
	    "c968629d70850097a2d8781c9bf7edcb988b04cac14cca9be4acc3595f884606",
	    "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694" },
	{ "get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "",
	    "host;x-amz-date", "868294f5c38bd141c4972a373a76654f1418a8e4fc18b2e7903ae45e8ae0ec71",
	    "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
	{ "get-vanilla-query-unreserved", "GET", "/?" UNRESERVED "=" UNRESERVED, "", "", "host;x-amz-date",
	    "c30d4703d9f799439be92736156d47ccfb2d879ddf56f5befa6d1d6aab979177",
	    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
	{ "get-vanilla-utf8-query", "GET", "/?\341\210\264=bar", "", "", "host;x-amz-date",
	    "eb30c5bed55734080471a834cc727ae56beb50e5f39d1bff6d0d38cb192a7073",
	    "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "get-unreserved", "GET", "/" UNRESERVED, "", "", "host;x-amz-date",
	    "6a968768eefaa713e2a6b16b589a8ea192661f098f37349f4e2c0082757446f9",
	    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", "GET", "/\341\210\264", "", "", "host;x-amz-date",
	    "2a0a97d02205e45ce2e994789806b19270cfbbb0921b278ccf58f5249ac42102",
	    "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "get-space-normalized", "GET", "/example space/", "", "", "host;x-amz-date",
	    "63ee75631ed7234ae61b5f736dfc7754cdccfedbff4b5128a915706ee9390d86",
	    "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-slash-normalized", "GET", "//", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slashes-normalized", "GET", "//example//", "", "", "host;x-amz-date",
	    "cb96b4ac96d501f7c5c15bc6d67b3035061cfced4af6585ad927f7e6c985c015",
	    "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
	{ "get-slash-dot-slash-normalized", "GET", "/./", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-pointless-dot-normalized", "GET", "/./example", "", "", "host;x-amz-date",
	    "214d50c111a8edc4819da6a636336472c916b5240f51e9a51b5c3305180cf702",
	    "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },
	{ "get-relative-normalized", "GET", "/example/..", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative-normalized", "GET", "/example1/example2/../..", "", "", "host;x-amz-date",
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-header-key-duplicate", "GET", "/", "My-Header1:value2|My-Header1:value2|My-Header1:value1", "",
	    "host;my-header1;x-amz-date", "dc7f04a3abfde8d472b0ab1a418b741b7c67174dad1551b4117b15527fbe966c",
	    "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "get-header-value-order", "GET", "/", "My-Header1:value4|My-Header1:value1|My-Header1:value3|My-Header1:value2",
	    "", "host;my-header1;x-amz-date", "31ce73cd3f3d9f66977ad3dd957dc47af14df92fcd8509f59b349e9137c58b86",
	    "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
	{ "get-header-value-trim", "GET", "/", "My-Header1: value1|My-Header2: \"a   b   c\"", "",
	    "host;my-header1;my-header2;x-amz-date", "a726db9b0df21c14f559d0a978e563112acb1b9e05476f0a6a1c7d68f28605c7",
	    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "get-header-value-multiline", "GET", "/", "My-Header1:value1\n  value2\n     value3", "",
	    "host;my-header1;x-amz-date", "e99419459a677bc11de234014be3c4e72c1ea5b454ceb58b613061f5d7a162e8",
	    "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd" },
	{ "post-vanilla", "POST", "/", "", "", "host;x-amz-date",
	    "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-vanilla-query", "POST", "/?Param1=value1", "", "", "host;x-amz-date",
	    "9d659678c1756bb3113e2ce898845a0a79dbbc57b740555917687f1b3340fbbd",
	    "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-vanilla-empty-query-value", "POST", "/?Param1=value1", "", "", "host;x-amz-date",
	    "9d659678c1756bb3113e2ce898845a0a79dbbc57b740555917687f1b3340fbbd",
	    "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-header-key-case", "POST", "/", "", "", "host;x-amz-date",
	    "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-sort", "POST", "/", "My-Header1:value1", "", "host;my-header1;x-amz-date",
	    "9368318c2967cf6de74404b30c65a91e8f6253e0a8659d6d5319f1a812f87d65",
	    "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-header-value-case", "POST", "/", "My-Header1:VALUE1", "", "host;my-header1;x-amz-date",
	    "d51ced243e649e3de6ef63afbbdcbca03131a21a7103a1583706a64618606a93",
	    "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
	{ "post-x-www-form-urlencoded", "POST", "/",
	    "Content-Type:application/x-www-form-urlencoded|Content-Length:13|X-Amz-Content-Sha256:" BODY_HASH,
	    "Param1=value1", "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	    "b1edd1d03544c25390e32085d55b57acc9a3961bb59415ff86c45c3d89d16cfb",
	    "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "post-x-www-form-urlencoded-parameters", "POST", "/",
	    "Content-Length:13|Content-Type:application/x-www-form-urlencoded; charset=utf-8|"
	    "X-Amz-Content-Sha256:" BODY_HASH, "Param1=value1",
	    "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
	    "a89f1a5b53e37702ee6363ce1da3ce8f54386f3c8f352ae652153c2982a0bc4d",
	    "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
	{ "post-x-www-form-urlencoded-parameters, first edition", "POST", "/",
	    "Content-Type:application/x-www-form-urlencoded; charset=utf8", "Param1=value1",
	    "content-type;host;x-amz-date", "2e1cf7ed91881a30569e46552437e4156c823447bf1781b921b5d486c568dd1c",
	    "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe" },
};

/*
 * What we refuse: paths signed as S3 and no other service does it, not normalised (get-space-unnormalized is the same
 * signature as get-space-normalized, so that it stands in neither table), and session tokens.
 */
static const struct refused_vector {
	struct vector vector;
	enum api_code code;
} REFUSED_VECTORS[] = {
	{ { "get-slash-unnormalized", "GET", "//", "", "", "host;x-amz-date",
	    "80cb39203d058af815de2b79250ff56e1b73eb9b4718c86556cdc6f150c5d209",
	    "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e" }, API_INVALID_SIGNATURE },
	{ { "get-slashes-unnormalized", "GET", "//example//", "", "", "host;x-amz-date",
	    "528ec3105ee1f34ab014bb0a1a45da0ed2742a4fea3555149e5b4d5d201eb240",
	    "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5" }, API_INVALID_SIGNATURE },
	{ { "get-slash-dot-slash-unnormalized", "GET", "/./", "", "", "host;x-amz-date",
	    "d67825e2268bd77a97c7688b8d72c31a3c1855b309808505ba0a9747d2465aa7",
	    "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145" }, API_INVALID_SIGNATURE },
	{ { "get-slash-pointless-dot-unnormalized", "GET", "/./example", "", "", "host;x-amz-date",
	    "73895e0e829507e28e39fd24669aedc2434a8e179e547e3c075b42921f952cdb",
	    "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff" }, API_INVALID_SIGNATURE },
	{ { "get-relative-unnormalized", "GET", "/example/..", "", "", "host;x-amz-date",
	    "0511f456aa502b456d135fcb9d749374a55228f9dbeedda1eacf659e05b0615b",
	    "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282" }, API_INVALID_SIGNATURE },
	{ { "get-relative-relative-unnormalized", "GET", "/example1/example2/../..", "", "", "host;x-amz-date",
	    "76115030c0f3ff06c20fdff5ceb6d5e0b835a1743e00b94fea7c7f381269437b",
	    "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b" }, API_INVALID_SIGNATURE },
	{ { "get-vanilla-with-session-token", "GET", "/",
	    "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", "",
	    "host;x-amz-date;x-amz-security-token", "067b36aa60031588cea4a4cde1f21215227a047690c72247f1d70b32fbbfad2b",
	    "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" }, API_UNRECOGNIZED_CLIENT },
	{ { "post-sts-header-before", "POST", "/", "X-Amz-Security-Token:" LONG_TOKEN, "",
	    "host;x-amz-date;x-amz-security-token", "c237e1b440d4c63c32ca95b5b99481081cb7b13c7e40434868e71567c1a882f6",
	    "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" }, API_UNRECOGNIZED_CLIENT },
	{ { "post-sts-header-after", "POST", "/", "X-Amz-Security-Token:" LONG_TOKEN, "", "host;x-amz-date",
	    "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" }, API_UNRECOGNIZED_CLIENT },
};

#endif
