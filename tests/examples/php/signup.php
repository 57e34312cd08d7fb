<?php
/** The code under test: sends a link, and tries again if the server refuses for now. */
function sign_up(string $address): void
{
    $text = "Confirm at https://app.example.org/confirm?code=1234\n";
    for ($left = 3; $left > 0; $left--) {
        if (mail($address, 'Welcome', $text, ['From' => 'app@example.org'])) {
            return;
        }
    }
    throw new RuntimeException("mail to $address was refused");
}

/** Calls mailjig. If it answers with an error, such as a report of what is not as expected, the script ends. */
function call(string $method, string $url, ?array $options = null): mixed
{
    $http = ['method' => $method, 'header' => 'Content-Type: application/json', 'ignore_errors' => true];
    $http['content'] = $options === null ? '' : json_encode($options, JSON_FORCE_OBJECT);
    $answer = json_decode(file_get_contents($url, false, stream_context_create(['http' => $http])), true);
    return isset($answer['detail']) ? throw new RuntimeException($answer['detail']) : $answer;
}

/** Runs a test with a server of its own, to which `mailjig send` sends. Then verifies and removes it. */
function test(string $name, array $options, callable $body): void
{
    echo "$name\n";
    $servers = getenv('MAILJIG_URL') . '/v1/servers';
    $server = call('POST', $servers, $options);
    putenv("MAILJIG_SMTP_URL={$server['endpoints']['smtp']['url']}");
    $body("$servers/{$server['id']}");
    call('DELETE', "$servers/{$server['id']}");
}

test('the mail has a link', [], function ($url) {
    sign_up('bob@example.org');

    $mail = call('GET', "$url/messages?to=bob@example.org&subject=Welcome&wait=5s")['messages'][0];
    $links = call('GET', "$url/messages/{$mail['id']}/links");
    if ($links !== ['https://app.example.org/confirm?code=1234']) {
        throw new RuntimeException('wrong links: ' . implode(' ', $links));
    }
});

test('a busy server is asked again', ['scenario' => 'smtp-greylist'], function () {
    sign_up('bob@example.org');
});
